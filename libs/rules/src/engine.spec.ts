// The engine over the sensor's events: conditions, values, rows.
import { makeTest } from './engine/test.ts';
import { buildRuleBatch, parseRule, readRules, RuleEngine, type TestEvent } from './index.ts';
import { parseFieldTest } from './sigma/field-test.ts';

/** A rule around a detection, written in YAML. */
function ruleText(detection: string, category = 'process_creation'): string {
  return `
title: A rule of a test
id: 00000000-0000-4000-8000-000000000001
status: test
description: Only here to be tried by the tests of the engine
logsource: { category: ${category} }
level: low
detection:
${detection
  .trim()
  .split('\n')
  .map((line) => `  ${line.trimEnd()}`)
  .join('\n')}
`;
}

function fires(detection: string, event: TestEvent, category?: string): boolean {
  const engine = new RuleEngine([parseRule('test.yml', ruleText(detection, category))]);
  return engine.evaluate(buildRuleBatch([{ EventKind: 'exec', ...event }])).matches.length > 0;
}

describe('a condition', () => {
  const selections = 'a: { Image: /a }\nb: { User: b }\nc_1: { CommandLine: c }\nc_2: { CurrentDirectory: c }\n';

  it.each([
    ['a and b', { Image: '/a', User: 'b' }, true],
    ['a and b', { Image: '/a', User: 'x' }, false],
    ['a or b and c_1', { Image: '/a' }, true],
    ['(a or b) and c_1', { Image: '/a' }, false],
    ['a and not b', { Image: '/a', User: 'b' }, false],
    ['not (a or b)', { Image: '/z' }, true],
    ['1 of c_*', { CurrentDirectory: 'c' }, true],
    ['all of c_*', { CurrentDirectory: 'c' }, false],
    ['all of c_*', { CommandLine: 'c', CurrentDirectory: 'c' }, true],
    ['1 of them', { User: 'b' }, true],
    ['all of them', { User: 'b' }, false],
  ])('%s over %j is %s', (condition, event, expected) => {
    expect(fires(`${selections}condition: ${condition}`, event)).toBe(expected);
  });
});

describe('a value', () => {
  it.each([
    ['Image: /BIN/sh', '/bin/SH', true],
    ['Image|cased: /BIN/sh', '/bin/sh', false],
    ['Image: /bin/*sh', '/bin/dash', true],
    ['Image: /bin/*sh', '/bin/dash2', false],
    ['Image: /bin/?sh', '/bin/dash', false],
    ['Image: /bin/?sh', '/bin/zsh', true],
    ['Image: "a*b*c"', 'a-b-b-c', true],
    ['Image: "a*b*c"', 'a-c-b', false],
    ['Image: "a\\\\*b"', 'a*b', true],
    ['Image: "a\\\\*b"', 'axb', false],
    ['Image|contains: "/tmp/"', '/var/tmp/x', true],
    ['Image|startswith: "/tmp/"', '/var/tmp/x', false],
    ['Image|endswith: [/nc, /ncat]', '/usr/bin/ncat', true],
    ['Image|contains|all: [a, b]', 'xbxa', true],
    ['Image|contains|all: [a, b]', 'xbx', false],
    ['Image|re: "^/(a|b)+$"', '/abba', true],
    ['Image|re: "^/A$"', '/a', false],
    ['Image|re|i: "^/A$"', '/a', true],
    ['Image|exists: true', '', false],
    ['Image|exists: false', '', true],
    ['Image: null', '', true],
  ])('%s against "%s" is %s', (field, image, expected) => {
    expect(fires(`s: { ${field} }\ncondition: s`, { Image: image })).toBe(expected);
  });

  it('in a list of maps needs one map to hold whole', () => {
    const detection = 's:\n  - { Image: a, User: u }\n  - { Image: b }\ncondition: s';
    expect(fires(detection, { Image: 'a', User: 'u' })).toBe(true);
    expect(fires(detection, { Image: 'a' })).toBe(false);
    expect(fires(detection, { Image: 'b' })).toBe(true);
  });

  it('of a field with many texts needs one of them', () => {
    const detection = 's: { AncestorImages|endswith: /sshd }\ncondition: s';
    expect(fires(detection, { AncestorImages: ['/bin/sh', '/usr/sbin/sshd'] })).toBe(true);
    expect(fires(detection, { AncestorImages: ['/bin/sh'] })).toBe(false);
  });

  it('takes a connection apart', () => {
    const detection = 's: { DestinationPort: [22, 4444], Initiated: true, DestinationIp: 198.51.100.* }\ncondition: s';
    const connection = { EventKind: 'net_connect', DestinationIp: '198.51.100.7', DestinationPort: 4444 };
    expect(fires(detection, connection, 'network_connection')).toBe(true);
    expect(fires(detection, { ...connection, EventKind: 'net_accept' }, 'network_connection')).toBe(false);
    expect(fires(detection, { ...connection, DestinationPort: 443 }, 'network_connection')).toBe(false);
  });
});

describe('a rule of files', () => {
  const detection = 's: { TargetFilename|startswith: /etc/ }\nf: { Image: /usr/bin/dpkg }\ncondition: s and not f';

  it('judges each row by its own process although a path is judged once', () => {
    const engine = new RuleEngine([parseRule('test.yml', ruleText(detection, 'file_event'))]);
    const open = (Image: string, TargetFilename: string): TestEvent => ({
      EventKind: 'file_open',
      OpenFlags: ['create'],
      Image,
      TargetFilename,
    });
    const batch = buildRuleBatch([
      open('/usr/bin/dpkg', '/etc/a'),
      open('/bin/sh', '/etc/a'),
      open('/bin/sh', '/srv/a'),
      { ...open('/bin/sh', '/etc/new'), EventKind: 'file_rename', SourceFilename: '/srv/old' },
      { ...open('/bin/sh', '/srv/new'), EventKind: 'file_rename', SourceFilename: '/etc/old' },
      { ...open('/bin/sh', '/etc/a'), EventKind: 'file_unlink' },
    ]);
    expect(engine.evaluate(batch).matches.map(({ row }) => row)).toEqual([1, 3]);
    // A second batch must not see the first one's verdicts.
    const swapped = buildRuleBatch([
      open('/bin/sh', '/srv/a'),
      open('/usr/bin/dpkg', '/etc/a'),
      open('/bin/sh', '/etc/b'),
    ]);
    expect(engine.evaluate(swapped).matches.map(({ row }) => row)).toEqual([2]);
  });
});

describe('a rule that can not be used', () => {
  it.each([
    ['s: { Imgae: x }\ncondition: s', 'detection.s.Imgae: process_creation has no field "Imgae": known are Image,'],
    ['s: { TargetFilename: x }\ncondition: s', 'process_creation has no field "TargetFilename"'],
    ['s: { Image|containz: x }\ncondition: s', 'modifier "containz" is not known: known are contains,'],
    ['s: { Image|re: "(a)\\\\1" }\ncondition: s', 'regular expression /(a)\\1/ is not usable'],
    ['s: { Image: x }\ncondition: s and t', 'condition: "t" is not a selection of this rule: known are s'],
    ['s: { Image: x }\ncondition: (s', 'condition: a "(" is not closed'],
    ['s: { Image: x }\ncondition: s s', 'condition: "s" is not expected here'],
    ['s: { Image: x }\ncondition: s |  count() > 5', 'aggregation "count" after "|" is the old form'],
    ['s: [[x], y]\ncondition: s', 'detection.s: must be a word, a map of fields'],
    ['s: { Image|all: x }\ncondition: s', '"all" needs more than one value'],
    ['s: { Image: [x, null] }\ncondition: s', 'null can not stand in a list'],
    ['s: { Image|re|contains: x }\ncondition: s', 're does not go with contains'],
    ['s: { Image|startswith|endswith: x }\ncondition: s', 'startswith and endswith exclude each other'],
    ['s: { Image|cidr: 10.0.0.0/40 }\ncondition: s', '"10.0.0.0/40" is not a network'],
    ['s: { Image|gt: many }\ncondition: s', '"many" is not a number'],
    ['s: { Image|base64: a*b }\ncondition: s', 'has wildcards, which can not be encoded'],
    ['s: { Image|expand: "%shells%" }\ncondition: s', 'placeholder %shells% has no values here'],
    ['condition: s', 'has a condition but no selection'],
    ['s: { Image: x, Image: y }\ncondition: s', 'YAML: the key Image is there twice: remove one'],
    ['s: { ? [a] : x }\ncondition: s', 'YAML: a key is a map or a list: write a word there'],
    [`s: ${'['.repeat(5_000)}`, 'YAML: is nested too deeply: write it flat'],
  ])('%j says where and what to do', (detection, message) => {
    const load = (): RuleEngine => new RuleEngine([parseRule('broken.yml', ruleText(detection))]);
    expect(load).toThrow(expect.objectContaining({ code: 'rule_invalid' }) as Error);
    expect(load).toThrow(message);
    expect(load).toThrow(/^broken\.yml:\d+: /);
  });

  it.each([1_000, 50_000])('of %d maps in one another is refused, whatever the parser makes of it', (levels) => {
    const load = () => parseRule('broken.yml', ruleText(`s:\n  a: ${'b: '.repeat(levels)}x\ncondition: s`));
    expect(load).toThrow(expect.objectContaining({ code: 'rule_invalid' }) as Error);
  });

  it('is named with the line where it is wrong', () => {
    const text = ruleText('s:\n  Image|endswith:\n    - /sh\n  Imgae: x\ncondition: s');
    expect(text.split('\n')[11]).toContain('Imgae');
    expect(() => new RuleEngine([parseRule('broken.yml', text)])).toThrow(/^broken\.yml:12: detection\.s\.Imgae: /);
  });

  it('is told of a source that nothing is seen of', () => {
    const text = ruleText('s: { Image: x }\ncondition: s').replace('category: process_creation', 'service: sshd');
    expect(() => new RuleEngine([parseRule('broken.yml', text)])).toThrow(
      'logsource: nothing of "sshd" is seen here: known are linux/process_creation',
    );
  });

  it('is no correlation and no filter', () => {
    const filter = 'title: Quiet\nlogsource: { product: linux }\nfilter: { a: { User: x }, condition: a }\n';
    expect(() => parseRule('other.yml', filter)).toThrow('other.yml:3: filter: is a filter: here one detection rule');
    for (const text of ['a word', '- a', '7', 'null'])
      expect(() => parseRule('other.yml', text)).toThrow('other.yml:1: the rule');
  });

  it('names the unknown key', () => {
    expect(() => parseRule('broken.yml', `${ruleText('s: { Image: x }\ncondition: s')}\nlevl: high\n`)).toThrow(
      /unknown key levl: did you mean level/,
    );
  });
});

describe('what rules cost', () => {
  it('is counted for each rule that was looked at, and timed by the clock that is passed in', () => {
    const rule = (title: string, literal: string): string =>
      `title: ${title}\nlogsource: { product: linux, category: process_creation }\ndetection: { a: { CommandLine|contains: ${literal}, User: root }, condition: a }\n`;
    const { rules } = readRules([
      { name: 'costs.yml', text: [rule('one', 'abcdef'), rule('two', 'ghijkl')].join('---\n') },
    ]);
    let nowNs = 0;
    const engine = new RuleEngine(rules, { clock: () => (nowNs += 5) });
    const event = (CommandLine: string, User: string) => ({ EventKind: 'exec', CommandLine, User });
    engine.evaluate(buildRuleBatch([event('x abcdef', 'root'), event('abcdef', 'bob'), event('nothing', 'root')]));
    const [cost, ...others] = engine.takeCosts();
    expect(others).toEqual([]);
    expect(cost).toMatchObject({ rule: { title: 'one' }, looked: 2, matches: 1, ns: 2 * 5 * 16 });
    expect(engine.takeCosts()).toEqual([]);
  });

  it('does not change what is found when a text comes again', () => {
    const { rules } = readRules([
      {
        name: 'again.yml',
        text: 'title: one\nlogsource: { product: linux, category: process_creation }\ndetection: { a: { CommandLine|contains|cased: AbC }, condition: a }\n',
      },
    ]);
    const engine = new RuleEngine(rules);
    const found = (CommandLine: string): number =>
      engine.evaluate(buildRuleBatch([{ EventKind: 'exec', CommandLine }])).matches.length;
    expect(['x AbC', 'x abc', 'x AbC', 'x abc'].map(found)).toEqual([1, 0, 1, 0]);
  });
});

describe('a regular expression', () => {
  const place = { file: 'test.yml', line: 1, construct: 's' };

  it.each([
    ['tail\\s+-f', 'tail'],
    ['\\s-[a-z]*c\\s', ''],
    ['(a|b)sh\\b', ''],
  ])('%s waits for %j', (source, literal) => {
    expect(makeTest(place, parseFieldTest(place, 'CommandLine|re'), source).literal).toBe(literal);
  });
});
