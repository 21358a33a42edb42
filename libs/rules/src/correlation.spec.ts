// Correlations by event time: every type, disorder, repetition, chains and bounds.
import { Correlator, readRules, type CorrelationMatch, type CorrelatorOptions, type Occurrence } from './index.ts';

const detection = (name: string): string =>
  `title: Rule ${name}\nname: ${name}\nlogsource: { product: any }\ndetection: { a: { f: 1 }, condition: a }\n`;

function correlation(body: string, title = 'It happens'): string {
  return `title: ${title}\nid: 00000000-0000-4000-8000-00000000000c\nlevel: high\ncorrelation:\n${body
    .trim()
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n')}\n`;
}

function correlatorOf(text: string, options: Partial<CorrelatorOptions> = {}): Correlator {
  const { rules, correlations } = readRules([{ name: 'test.yml', text }]);
  const known = new Set(rules.flatMap(({ id, name }) => [id, name ?? '']));
  return new Correlator(correlations, known, { holdBackMs: 1_000, ...options });
}

const idsOf = (match?: CorrelationMatch): string[] | undefined => match?.events.map(({ id }) => id);
const seconds = (at: number): number => at * 1_000;

/** `rule@second`, with fields; the id is its place in the list unless one is given. */
function event(rule: string, at: number, fields: Record<string, string> = {}, id = `${rule}${at}`): Occurrence {
  return { rule, timeMs: seconds(at), id, about: undefined, field: (name) => fields[name] };
}

function run(correlator: Correlator, events: readonly Occurrence[]): CorrelationMatch[] {
  for (const each of events) correlator.take(each);
  return correlator.advance(Infinity);
}

const logins = (from: number, count: number, user: string): Occurrence[] =>
  Array.from({ length: count }, (_, at) => event('login', from + at, { user, host: `h${at % 3}`, bytes: String(at) }));

describe('event_count', () => {
  const text = `${correlation('type: event_count\nrules: login\ngroup-by: [user]\ntimespan: 10s\ncondition: { gte: 3 }')}---\n${detection('login')}`;

  it('fires when there are enough in the time, for each group by itself, and begins anew', () => {
    const matches = run(correlatorOf(text), [...logins(0, 6, 'eve'), ...logins(0, 2, 'bob')]);
    expect(matches.map(({ group, fromMs, untilMs, measure }) => [group, fromMs, untilMs, measure])).toEqual([
      [[['user', 'eve']], 0, seconds(2), 3],
      [[['user', 'eve']], seconds(3), seconds(5), 3],
    ]);
    expect(idsOf(matches[0])).toEqual(['login0', 'login1', 'login2']);
  });

  it('counts an event once that several of its rules find', () => {
    const both = text.replace('rules: login', 'rules: [login, root]') + `---\n${detection('root')}`;
    const found = (count: number): Occurrence[] =>
      logins(0, count, 'eve').flatMap((each) => [each, { ...each, rule: 'root' }]);
    expect(run(correlatorOf(both), found(2))).toEqual([]);
    expect(run(correlatorOf(both), found(3)).map(idsOf)).toEqual([['login0', 'login1', 'login2']]);
  });

  it('does not count what is too long ago', () => {
    const slow = [0, 5, 10, 15].map((at) => event('login', at, { user: 'eve' }));
    expect(run(correlatorOf(text), slow)).toEqual([]);
  });

  it('leaves out events without the field of the group', () => {
    expect(
      run(
        correlatorOf(text),
        [0, 1, 2].map((at) => event('login', at)),
      ),
    ).toEqual([]);
  });

  it('gives the same in any order of arrival within the time held back, with events that come twice', () => {
    const events = logins(0, 9, 'eve');
    const shuffled = [3, 0, 2, 1, 5, 4, 8, 7, 6].map((at) => events[at] as Occurrence);
    const told = (matches: CorrelationMatch[]): unknown[] =>
      matches.map((match) => [idsOf(match), match.fromMs, match.untilMs]);
    const expected = told(run(correlatorOf(text, { holdBackMs: 5_000 }), events));
    const correlator = correlatorOf(text, { holdBackMs: 5_000 });
    const matches = shuffled.flatMap((each) => {
      correlator.take(each);
      correlator.take(each);
      return correlator.advance(each.timeMs);
    });
    expect(told([...matches, ...correlator.advance(Infinity)])).toEqual(expected);
    expect(expected).toHaveLength(3);
    expect(correlator.counters).toEqual({ late: 0, repeated: 9, groupsDropped: 0, waitingRefused: 0 });
  });

  it('counts what comes too late', () => {
    const correlator = correlatorOf(text);
    correlator.advance(seconds(100));
    correlator.take(event('login', 50, { user: 'eve' }));
    expect(correlator.counters.late).toBe(1);
    expect(correlator.advance(Infinity)).toEqual([]);
  });

  it('forgets the group that is longest untouched when there are too many', () => {
    const correlator = correlatorOf(text, { groupsMax: 2 });
    run(
      correlator,
      ['a', 'b', 'c'].map((user, at) => event('login', at, { user })),
    );
    expect(correlator.counters.groupsDropped).toBe(1);
  });
});

describe('a count that few things meet', () => {
  const few = `${correlation('type: event_count\nrules: login\ngroup-by: [user]\ntimespan: 10s\ncondition: { lt: 3 }')}---\n${detection('login')}`;

  it('is judged when its time is over', () => {
    const correlator = correlatorOf(few);
    correlator.take(event('login', 0, { user: 'eve' }));
    expect(correlator.advance(seconds(10.5))).toEqual([]);
    expect(correlator.advance(seconds(11)).map(({ measure }) => measure)).toEqual([1]);
    expect(run(correlatorOf(few), logins(0, 5, 'eve'))).toEqual([]);
  });
});

describe('counts of values', () => {
  const of = (type: string, condition: string): string =>
    `${correlation(`type: ${type}\nrules: login\ngroup-by: [user]\ntimespan: 1m\ncondition: { ${condition} }`)}---\n${detection('login')}`;

  it.each([
    ['value_count', 'field: host, gte: 3', [3, 3]],
    ['value_count', 'field: host, gte: 4', []],
    ['value_sum', 'field: bytes, gt: 5', [6, 9]],
    ['value_avg', 'field: bytes, gt: 2', [2.5]],
    ['value_avg', 'field: bytes, gt: 2.5', []],
    ['value_percentile', 'field: bytes, percentile: 50, eq: 2', [2]],
    ['value_percentile', 'field: bytes, percentile: 95, gte: 5', [5]],
    ['value_percentile', 'field: host, lte: 34', [100 / 3]],
    ['value_percentile', 'field: host, lte: 33', []],
    ['event_count', 'gt: 5, lte: 6', [6]],
    ['event_count', 'neq: 6', []],
  ])('%s with %s', (type, condition, measures) => {
    const matches = run(correlatorOf(of(type, condition)), logins(0, 6, 'eve'));
    expect(matches.map(({ measure }) => measure)).toEqual(measures);
  });
});

describe('rules that hold together', () => {
  const three = ['shell', 'download', 'exec'].map(detection).join('---\n');
  const of = (type: string): string =>
    `${correlation(`type: ${type}\nrules: [shell, download, exec]\ngroup-by: [lineage]\ntimespan: 30s`)}---\n${three}`;
  const at = (rule: string, second: number, lineage = 'l', id?: string): Occurrence =>
    event(rule, second, { lineage }, id ?? `${rule}${second}`);

  it('temporal: in any order, of one group, within the time', () => {
    expect(run(correlatorOf(of('temporal')), [at('exec', 0), at('shell', 9), at('download', 12)])).toHaveLength(1);
    expect(run(correlatorOf(of('temporal')), [at('exec', 0), at('shell', 9), at('download', 40)])).toEqual([]);
    expect(run(correlatorOf(of('temporal')), [at('exec', 0, 'm'), at('shell', 9), at('download', 12)])).toEqual([]);
  });

  it('temporal_ordered: only in the order of the rules', () => {
    const ordered = of('temporal_ordered');
    const [match] = run(correlatorOf(ordered), [at('shell', 0), at('exec', 1), at('download', 5), at('exec', 9)]);
    expect(idsOf(match)).toEqual(['shell0', 'download5', 'exec9']);
    expect(run(correlatorOf(ordered), [at('exec', 0), at('download', 1), at('shell', 2)])).toEqual([]);
    expect(run(correlatorOf(ordered), [at('shell', 0), at('download', 1), at('exec', 31)])).toEqual([]);
  });

  it('temporal_ordered: a chain begins with the latest event that lets it end in time', () => {
    const events = [at('shell', 0), at('shell', 20), at('download', 25), at('exec', 45)];
    expect(run(correlatorOf(of('temporal_ordered')), events).map(({ fromMs }) => fromMs)).toEqual([seconds(20)]);
  });

  it('temporal_ordered: one event is one link, however many rules find it', () => {
    const both = [at('shell', 0), at('download', 5, 'l', 'one'), at('exec', 5, 'l', 'one')];
    expect(run(correlatorOf(of('temporal_ordered')), both)).toEqual([]);
  });
});

describe('a sequence', () => {
  const named = ['shell', 'check', 'exec', 'logout'].map(detection).join('---\n');
  const of = (body: string): string =>
    `${correlation(`type: temporal_ordered\ngroup-by: [lineage]\ntimespan: 30s\n${body}`)}---\n${named}`;
  const at = (rule: string, second: number, id?: string): Occurrence =>
    event(rule, second, { lineage: 'l' }, id ?? `${rule}${second}`);
  const found = (body: string, events: readonly Occurrence[]): (string[] | undefined)[] =>
    run(correlatorOf(of(body)), events).map(idsOf);

  it('is broken by what must not come between', () => {
    const body = 'rules: [shell, not check, exec]';
    expect(found(body, [at('shell', 0), at('exec', 5)])).toEqual([['shell0', 'exec5']]);
    expect(found(body, [at('shell', 0), at('check', 1), at('exec', 5)])).toEqual([]);
    expect(found(body, [at('check', 0), at('shell', 1), at('exec', 5)])).toEqual([['shell1', 'exec5']]);
    expect(found(body, [at('shell', 0), at('check', 1), at('shell', 2), at('exec', 5)])).toEqual([['shell2', 'exec5']]);
  });

  it('that must not be followed by something is told of when its time is over', () => {
    const body = 'rules: [shell, exec, not check]';
    expect(found(body, [at('shell', 0), at('exec', 5)])).toEqual([['shell0', 'exec5']]);
    expect(found(body, [at('shell', 0), at('exec', 5), at('check', 20)])).toEqual([]);
    expect(found(body, [at('shell', 0), at('exec', 5), at('check', 31)])).toEqual([['shell0', 'exec5']]);
    const correlator = correlatorOf(of(body));
    [at('shell', 0), at('exec', 5)].forEach((each) => {
      correlator.take(each);
    });
    expect(correlator.advance(seconds(30))).toEqual([]);
    expect(correlator.advance(seconds(31))).toHaveLength(1);
  });

  it('begins anew after what ends it', () => {
    const body = 'rules: [shell, exec]\nuntil: logout';
    expect(found(body, [at('shell', 0), at('logout', 1), at('exec', 5)])).toEqual([]);
    expect(found(body, [at('shell', 0), at('logout', 1), at('shell', 2), at('exec', 5)])).toEqual([
      ['shell2', 'exec5'],
    ]);
  });

  it('is not refuted by the event that completes it', () => {
    expect(found('rules: [shell, exec, not check]', [at('shell', 0), at('exec', 5, 'x'), at('check', 5, 'x')])).toEqual(
      [['shell0', 'x']],
    );
  });
});

describe('what ends a count', () => {
  it('ends the time of it, too', () => {
    const text = `${correlation('type: event_count\nrules: login\ngroup-by: [user]\ntimespan: 10s\ncondition: { lt: 3 }\nuntil: logout')}---\n${detection('login')}---\n${detection('logout')}`;
    const user = { user: 'eve' };
    const events = [event('login', 0, user), event('logout', 2, user), event('login', 5, user)];
    expect(run(correlatorOf(text), events).map(({ fromMs }) => fromMs)).toEqual([seconds(5)]);
  });
});

describe('a chain of correlations', () => {
  const text = `
title: Many failed, then one went well
id: 00000000-0000-4000-8000-00000000000d
correlation: { type: temporal_ordered, rules: [many_failed, login], group-by: [user], timespan: 10m, aliases: { user: { login: account } } }
---
title: Many failed
name: many_failed
correlation: { type: event_count, rules: [failed], group-by: [user], timespan: 1m, condition: { gte: 3 } }
---
${detection('failed')}---
${detection('login')}`;

  it('fires once the inner one has, with the names that each rule has for a field', () => {
    const failed = [0, 1, 2].map((at) => event('failed', at, { user: 'eve' }));
    const matches = run(correlatorOf(text), [...failed, event('login', 9, { account: 'eve' })]);
    expect(matches.map(({ rule }) => rule.title)).toEqual(['Many failed', 'Many failed, then one went well']);
    expect(run(correlatorOf(text), [...failed, event('login', 9, { user: 'eve' })])).toHaveLength(1);
  });
});

describe('a correlation that can not be used', () => {
  it.each([
    ['type: event_count\nrules: nobody\ntimespan: 1m\ncondition: { gt: 1 }', 'no rule has the id or name "nobody"'],
    ['type: event_count\nrules: login\ntimespan: 1m', 'event_count needs a bound'],
    ['type: value_count\nrules: login\ntimespan: 1m\ncondition: { gt: 1 }', 'value_count needs "field"'],
    ['type: temporal\nrules: login\ntimespan: 1m', 'temporal needs at least two rules'],
    ['type: temporal\nrules: [login, not login]\ntimespan: 1m', 'only temporal_ordered knows an order'],
    ['type: temporal_ordered\nrules: [not login, login, login]\ntimespan: 1m', 'begins with something that happens'],
    ['type: temporal_ordered\nrules: [login, not login]\ntimespan: 1m', 'temporal_ordered needs at least two rules'],
    ['type: temporal\nrules: [login, login]\ntimespan: 1w', 'must be a number and one of s, m, h, d'],
    ['type: temporal\nrules: [login, login]\ntimespan: 99d', 'is longer than 30 days'],
    ['type: near\nrules: [login, login]\ntimespan: 1m', 'must be one of event_count'],
    ['type: temporal\nrules: [It, login]\ntimespan: 1m', 'awaits itself'],
  ])('%j says what to do', (body, message) => {
    const text = `${correlation(body).replace('level', 'name: It\nlevel')}---\n${detection('login')}`;
    expect(() => correlatorOf(text)).toThrow(message);
    expect(() => correlatorOf(text)).toThrow(/^test\.yml:\d+: correlation/);
  });
});
