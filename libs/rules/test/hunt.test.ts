// A rule hunted for in a real ClickHouse finds exactly the events that the engine finds.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClient, type ClickHouseClient } from '@clickhouse/client';
import { SeededRandom, startClickHouse, type TestClickHouse } from '@norn/testkit';
import type { EventRecord } from '../src/records/record-batch.ts';
import { readRules } from '../src/sigma/rule-set.ts';
import type { Rule } from '../src/sigma/rule.ts';
import { compileHunt } from '../src/hunt/compile-hunt.ts';
import { recordColumns } from '../src/hunt/record-columns.ts';
import { RecordTrial } from './record-trial.ts';

const head = 'title: A rule of a test\nid: 00000000-0000-4000-8000-000000000001\nlogsource: { product: any }\n';

/** A rule of that detection, given as a value: JSON is YAML. */
function ruleOf(detection: object): Rule {
  const [rule] = readRules([{ name: 'test.yml', text: `${head}detection: ${JSON.stringify(detection)}\n` }]).rules;
  return rule!;
}

const asking = (key: string, value: unknown): Rule => ruleOf({ s: { [key]: value }, condition: 's' });

let clickhouse: TestClickHouse;
let client: ClickHouseClient;
let trial: RecordTrial;

beforeAll(async () => {
  clickhouse = await startClickHouse();
  const { url, database, writerPassword: password } = clickhouse;
  client = createClient({ url, database, username: 'norn_writer', password });
  trial = await RecordTrial.open(client);
});

afterAll(async () => {
  await client.close();
  await clickhouse.stop();
});

const shared = join(import.meta.dirname, '../../../../shared/sigma');

interface Vector {
  readonly id: string;
  readonly file: string;
  readonly match: readonly EventRecord[];
  readonly nomatch: readonly EventRecord[];
}

// The vectors are data of others, which the repository does not hold.
(existsSync(shared) ? describe : describe.skip)('the vectors', () => {
  it('are found as the engine finds them, event for event', async () => {
    const lines = readFileSync(join(shared, 'vectors.jsonl'), 'utf8').trim().split('\n');
    const vectors = lines.map((line) => JSON.parse(line) as Vector);
    const events = vectors.map(({ match, nomatch }) => [...match, ...nomatch]);
    const first = await trial.store(events);
    const wrong: unknown[] = [];
    for (const [at, { id, file, match }] of vectors.entries()) {
      const rules = readRules([{ name: file, text: readFileSync(join(shared, file), 'utf8') }]).rules;
      const rule = rules.find((one) => one.id === id)!;
      const { engine, history } = await trial.verdicts(rule, first + at, events[at]!);
      const expected = match.map((_, position) => position);
      if (String(history) !== String(engine) || String(history) !== String(expected))
        wrong.push({ file, engine, history, expected });
    }
    const total = events.flat().length;
    console.log(`${vectors.length} rules over ${total} events in ClickHouse: ${wrong.length} rules disagree`);
    expect(total).toBeGreaterThan(2_500);
    expect(wrong).toEqual([]);
  });
});

/** What texts are at their edges. */
const texts = [
  ...['', ' ', 'a', 'A', 'ab', 'AB', 'aB', 'abc', 'xaby', 'b a', 'a b', 'a  b', '-a', '/a', '–a', 'a-b', 'a/b'],
  ...['*', '?', '\\', '\\\\', '\\*', '\\?', 'a*b', 'a?b', 'a\\b', 'a\\*b', 'a\\\\b', 'C:\\Windows\\x', '\\\\host\\x'],
  ...[
    '%',
    '_',
    'a%b',
    'a_b',
    '100%',
    "'",
    "a'b",
    '"',
    '`',
    '{p0:String}',
    '$',
    '^a$',
    '(a)',
    '[a]',
    'a.b',
    'a|b',
    'a+b',
  ],
  ...['a\nb', 'a\r\nb', 'a\tb', '\n', 'a\n', '\na', 'b\na', 'a\0b', '\0', '\x01a', '\x7fa', 'a\u00a0b', 'a\u2028b'],
  ...['ä', 'Ä', 'ÄB', 'äb', 'ß', 'ẞ', 'SS', 'straße', 'STRASSE', 'É', 'e\u0301', 'é', 'İ', 'i', 'I', 'ı', 'i\u0307'],
  ...[
    'ΟΔΟΣ',
    'οδος',
    'οδοσ',
    'ΟΔΟΣΑ',
    'Σ',
    'σ',
    'ς',
    'ſ',
    's',
    'S',
    'baſh',
    'K',
    'k',
    'K',
    'ﬁ',
    'FI',
    'Ǆ',
    'ǅ',
    'ǆ',
    'Ⅷ',
    'ⅷ',
  ],
  ...['😀', '😀a', 'a😀', '😀😀', 'a😀b', '日本語', '日本', 'Ж', 'ж', 'ЖЖ', '𝐀', '𐐀', '𐐨'],
  ...[
    '0',
    '00',
    '-0',
    '1',
    '01',
    '1.0',
    '1.5',
    '10',
    '9',
    '-1',
    '+1',
    '.5',
    '5.',
    '1e3',
    '1E3',
    '1000',
    '1e999',
    '-1e999',
    '1e-400',
  ],
  ...[
    '0x10',
    '0X10',
    '0xff',
    '0xFFFFFFFFFFFFFFFF',
    '0x1FFFFFFFFFFFFFFFFF',
    '0x',
    '0x1g',
    '-0x10',
    '0b11',
    '0o17',
    '16',
    '255',
  ],
  ...[
    ' 10',
    '10 ',
    '\t10\n',
    '1 0',
    '1_000',
    '1,000',
    'NaN',
    'Infinity',
    'inf',
    'nan',
    'null',
    'true',
    'false',
    '9007199254740993',
  ],
  ...[
    '10.0.0.1',
    '10.1.2.3',
    '10.255.255.255',
    '11.0.0.0',
    '010.0.0.1',
    '10.0.0',
    '10.0.0.1 ',
    '10.0.0.256',
    '1.2.3.4.5',
    '0.0.0.0',
  ],
  ...[
    '::',
    '::1',
    'fd12::1',
    'FD12::1',
    'fe80::1%eth0',
    '::ffff:10.1.2.3',
    '::FFFF:0a01:0203',
    '2001:db8::1',
    '2001:0db8:0:0:0:0:0:1',
    'fd12:::1',
    '1::2::3',
  ],
  ...[
    '2026-11-26',
    '2026-11',
    '2026',
    '2026-11-26T23:07:00Z',
    '2026-11-26 23:07:00',
    '2026-11-26T23:07',
    '2026-11-26T23:07:00.123456Z',
  ],
  ...[
    '2026-11-26T23:07:00+02:00',
    '2026-11-26T23:07:00-0530',
    '2026-01-01T00:30:00+01:00',
    '2024-02-29',
    '2023-02-29',
    '2026-02-30',
    '2026-13-01',
  ],
  ...[
    '2026-00-10',
    '2026-11-26T24:00:00Z',
    '2026-11-26T23:60:00Z',
    '1899-12-31',
    '1900-01-01',
    '2299-12-31',
    '2300-01-01',
    '0001-01-01',
    '2027-01-03',
  ],
  ...[
    '1795734420',
    '1795734420000',
    '1795734420.7',
    '-1',
    '-2208988800',
    '-2208988801',
    '1e18',
    'Nov 26 2026',
    'yesterday',
    '23:07',
  ],
  ...[
    Buffer.from('/bin/bash').toString('base64'),
    Buffer.from('x ping', 'utf16le').toString('base64'),
    'c\0m\0d\0',
    '\0c\0m\0d',
    '\xff\xfec\0m\0d\0',
  ],
  ...[
    'find . -exec rm',
    'find . /exec rm',
    'find . –exec rm',
    'find . ―exec rm',
    'find . +exec rm',
    'user=adm_7',
    'user=root',
    '%admins%',
  ],
];

const events: readonly EventRecord[] = [
  {},
  { f: null },
  { g: 'a' },
  { f: [] },
  { f: [''] },
  { f: ['a', 'b'] },
  { f: ['', 'a'] },
  { f: ['x', 'ab'] },
  { f: 0 },
  { f: 10 },
  { f: 1.5 },
  { f: -7 },
  { f: true },
  { f: false },
  { f: { deep: 'a' } },
  { f: 'Same', g: 'sAME' },
  { f: 'a', g: '' },
  { f: '', g: '' },
  { f: '/srv/a', g: '/srv' },
  { f: 'x/srv', g: '/SRV' },
  { f: ['a', 'b'], g: ['c', 'B'] },
  { f: 'ΟΔΟΣΑ', g: 'οδος' },
  { f: 'a*b', g: 'a*b' },
  { f: 'abc', g: 'a*' },
  ...texts.map((text) => ({ f: text })),
];

const shells = new Map([['admins', ['root', 'adm_*']]]);

const asked: readonly (readonly [string, unknown])[] = [
  ...[
    '',
    'a',
    'A',
    'Ab',
    'ä',
    'Ä',
    'ΟΔΟΣ',
    'ς',
    'ſ',
    's',
    'İ',
    'i̇',
    'K',
    'ẞ',
    'ﬁ',
    'Ж',
    '😀',
    'ǅ',
    'Ⅷ',
    '𐐀',
    "a'b",
    '%',
    '_',
    'a_b',
    '$',
    '`',
  ].flatMap((value) =>
    ['f', 'f|cased', 'f|contains', 'f|startswith', 'f|endswith', 'f|contains|cased'].map(
      (key) => [key, value] as const,
    ),
  ),
  ...[
    '*',
    '?',
    '??',
    '*?',
    '?*',
    'a*',
    '*a',
    '*a*',
    'a?b',
    'a*b',
    '?b',
    'a?',
    '?a*',
    '*?a',
    '\\*',
    '\\?',
    '\\\\',
    'a\\*b',
    'a\\?b',
    'a\\b',
    'a\\\\b',
    '\\\\*',
    '\\\\\\*',
    '*\\\\*',
    'C:\\Windows\\*',
    '\\\\\\\\host\\x',
    'a**b',
    '*\n*',
    'a\n*',
    '?\0?',
    'ä*',
    '?Σ*',
    '日?語',
    '(a)',
    '[a]',
    '^a$',
    'a.b',
    'a|b',
    'a+b',
    '{p0:String}*',
    '\t*?',
  ].flatMap((value) => ['f', 'f|cased', 'f|contains', 'f|endswith'].map((key) => [key, value] as const)),
  ['f', ['a', '*b', 'x?', '']],
  ['f|contains', ['b', 'Ä', 'ſ']],
  ['f|startswith', ['a', 'x', 'ä', '']],
  ['f|endswith', ['a', 'B', '😀']],
  ['f|contains|all', ['a', 'b']],
  ['f|all', ['*a*', '*b*']],
  ['f|contains|all|cased', ['A', 'b']],
  ['f|neq', 'a'],
  ['f|neq', ['a', '*b*']],
  ['f|contains|neq', 'a'],
  ['f', null],
  ['f|neq', null],
  ['f|exists', true],
  ['f|exists', false],
  ['f.deep|exists', true],
  ['f.deep', 'a'],
  ...[0, 1, 1.5, 10, -1, 1000, true, false, '10', '1.0'].map((value) => ['f', value] as const),
  ...['lt', 'lte', 'gt', 'gte'].flatMap((comparison) =>
    [0, 10, 1.5, -1, 16, '0x10', 1000, 255, 9007199254740992, 18446744073709552000].map(
      (value) => [`f|${comparison}`, value] as const,
    ),
  ),
  ['f|gt', [1000, 9]],
  ['f|lt|neq', 10],
  ...[
    'a',
    '^a$',
    'a.b',
    '^a',
    'b$',
    'A',
    'a\\nb',
    '\\s',
    '^$',
    '.',
    '^.$',
    '(?i)Ä',
    '(?s)a.b',
    '(?m)^b$',
    '\\x41',
    '\\pL',
    '\\p{Lu}',
    '[^a]',
    '\\bb\\b',
    '\\w+',
    '\\d{2,}',
    'x{0,3}b',
    '\\\\',
    '^\\\\\\\\',
    'é',
    '[ä-ö]',
    '😀',
    '^.{2}$',
    '(?i)s',
    '(?i)k',
    'baſh',
    '\\Qa.b\\E',
    '(a|b)c',
    "'",
    '\\.',
    '^[[:alpha:]]+$',
    'a|^$',
    '\\x{1F600}',
    '(?U)a+',
    '\\0',
  ].flatMap((value) => ['f|re', 'f|re|i', 'f|re|m', 'f|re|s', 'f|re|i|m|s'].map((key) => [key, value] as const)),
  ['f|re', ['^a', 'b$']],
  ['f|re|all', ['a', 'b']],
  ['f|re|neq', 'a'],
  ...[
    '10.0.0.0/8',
    '10.1.2.0/24',
    '10.1.2.3/32',
    '0.0.0.0/0',
    'fd00::/8',
    '::/0',
    '::/64',
    '::1/128',
    '::ffff:10.0.0.0/104',
    '2001:db8::/32',
    'fe80::/10',
  ].map((value) => ['f|cidr', value] as const),
  ['f|cidr', ['10.1.0.0/16', 'fd00::/8']],
  ...[
    'f|fieldref',
    'f|fieldref|cased',
    'f|fieldref|neq',
    'f|fieldref|contains',
    'f|fieldref|startswith',
    'f|fieldref|endswith',
    'f|fieldref|endswith|cased',
  ].map((key) => [key, 'g'] as const),
  ['f|fieldref', ['g', 'h']],
  ['f|base64|contains', '/bin/bash'],
  ['f|base64offset|contains', 'bash'],
  ['f|wide|base64offset|contains', 'ping'],
  ...['utf16le', 'wide', 'utf16be', 'utf16'].map((encoding) => [`f|${encoding}|contains`, 'cmd'] as const),
  ['f|windash|contains', ' -exec '],
  ['f|windash', '-a'],
  ['f|expand', 'user=%admins%'],
  ['f', '%admins%'],
  ...['minute', 'hour', 'day', 'week', 'month', 'year'].flatMap((part) =>
    [0, 1, 7, 23, 26, 29, 30, 37, 53, 11, 2026, 1900, 2299, 1970].map((value) => [`f|${part}`, value] as const),
  ),
  ['f|hour|gte', 21],
  ['f|year|lt', 2000],
];

describe('a hunt', () => {
  it('agrees with the engine about what texts, numbers, addresses and dates are', async () => {
    const set = await trial.store([events]);
    const wrong: unknown[] = [];
    let [found, silent] = [0, 0];
    for (const [key, value] of asked) {
      const { engine, history } = await trial.verdicts(asking(key, value), set, events, { placeholders: shells });
      if (engine.length === 0) silent += 1;
      found += engine.length;
      const differing = [...engine, ...history].filter((at) => engine.includes(at) !== history.includes(at));
      for (const at of new Set(differing))
        wrong.push({ [key]: value, event: events[at], engine: engine.includes(at), history: history.includes(at) });
    }
    console.log(
      `${asked.length} questions over ${events.length} events: ${found} found, ${silent} questions find nothing`,
    );
    expect(wrong).toEqual([]);
    expect(found).toBeGreaterThan(10_000);
  });

  it('agrees with the engine about rules and events that chance makes', async () => {
    const random = new SeededRandom(7);
    const pieces = [
      'a',
      'A',
      'b',
      'B',
      's',
      'S',
      'ä',
      'Ä',
      'Σ',
      'σ',
      '😀',
      '*',
      '?',
      '\\',
      '\\*',
      '\\\\',
      ' ',
      '\n',
      '-',
      '/',
      '%',
      '.',
      '\0',
    ];
    const text = (): string => Array.from({ length: random.below(6) }, () => random.pick(pieces)).join('');
    const some = Array.from({ length: 400 }, () => ({
      f: text(),
      g: random.below(3) === 0 ? [text(), text()] : text(),
    }));
    const set = await trial.store([some]);
    const keys = [
      'f',
      'g',
      'f|contains',
      'g|startswith',
      'f|endswith',
      'f|cased',
      'f|contains|cased',
      'g|windash',
      'f|fieldref|contains',
    ];
    const selection = (): object => {
      const key = random.pick(keys);
      if (key.includes('fieldref')) return { [key]: 'g' };
      return { [key]: Array.from({ length: 1 + random.below(3) }, text) };
    };
    const conditions = [
      'a',
      'a and b',
      'a or b',
      'a and not b',
      'not (a or b)',
      '1 of them',
      'all of them',
      'k',
      'k and not a',
    ];
    let found = 0;
    for (let round = 0; round < 300; round += 1) {
      const detection = {
        a: selection(),
        b: [selection(), selection()],
        k: ['s', text() || 'b'],
        condition: random.pick(conditions),
      };
      const { engine, history } = await trial.verdicts(ruleOf(detection), set, some);
      found += engine.length;
      expect({ detection, at: history }).toEqual({ detection, at: engine });
    }
    expect(found).toBeGreaterThan(5_000);
  });

  it('takes away what a filter finds', async () => {
    const filter =
      '---\ntitle: Not these\nlogsource: { product: any }\nfilter: { rules: any, a: { u|startswith: adm_ }, condition: a }\n';
    const text = `${head}detection: { a: { f: 1 }, condition: a }\n${filter}`;
    const some = [{ f: 1, u: 'adm_1' }, { f: 1, u: 'eve' }, { f: 1 }, { u: 'eve' }];
    const [rule] = readRules([{ name: 'test.yml', text }]).rules;
    expect(await trial.verdicts(rule!, await trial.store([some]), some)).toEqual({ engine: [1, 2], history: [1, 2] });
  });

  it('looks for five thousand values at once', async () => {
    const values = Array.from({ length: 4_999 }, (_, at) => `value-${at}-`);
    const some = [{ f: 'x value-4998- y' }, { f: 'value-5000-' }, { f: 'VALUE-17-' }];
    const set = await trial.store([some]);
    for (const key of ['f|contains', 'f|startswith', 'f|endswith', 'f', 'f|cased']) {
      const { engine, history } = await trial.verdicts(asking(key, [...values, 'value-5000-']), set, some);
      expect([key, history]).toEqual([key, engine]);
      expect(engine).toContain(1);
    }
  });
});

describe('a rule for a hunt', () => {
  it('has none of its words in the text of the query', () => {
    const rule = ruleOf({
      s: { "f'; DROP TABLE x|contains": ["'", '{p9:string}', '*a*b*'], 'g|re': "'x", h: "y'" },
      k: ["z'"],
      condition: 's or k',
    });
    const { where, parameters } = compileHunt(rule, recordColumns('fields'));
    expect(where).not.toMatch(/DROP|p9|'x|y'|z'/);
    expect(Object.values(parameters)).toEqual(
      expect.arrayContaining(["f'; DROP TABLE x", ["'", '{p9:string}'], "(?-s)'x"]),
    );
  });

  it('is refused when it is too large for a query, with what to do', () => {
    const values = Array.from({ length: 5_000 }, (_, at) => `${'x'.repeat(30)}${at}`);
    expect(() => compileHunt(asking('f|base64offset|contains', values), recordColumns('fields'))).toThrow(
      /^test\.yml:\d+: detection: has more than 262144 bytes of values, too many to hunt for: split it/,
    );
  });
});
