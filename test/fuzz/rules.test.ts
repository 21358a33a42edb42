// Rules out of hand: whatever the text, a rule runs or is refused with file, line and cure.
// @norn-strict
import { NornError } from '@norn/base';
import {
  buildRuleBatch,
  coverageOf,
  Engine,
  MATCHES_MAX,
  readRules,
  RecordBatch,
  recordLayout,
  RuleEngine,
} from '@norn/rules';
import type { Rule } from '@norn/rules';
import type { SeededRandom } from '@norn/testkit';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fuzz } from './fuzz.ts';
import { madeRule } from './made-rules.ts';
import { changedText } from './mutations.ts';

const folder = join(import.meta.dirname, '../../libs/rules/pack');
const seeds = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.yml'))
  .map((file) => readFileSync(join(folder, file), 'utf8'));
seeds.push(
  `title: A rule of records
logsource: { product: linux, service: auditd }
detection:
  a: { type: EXECVE, a0|endswith: [/sh, bash], 'a1|re|i': '^-[ic]$', name|windash|contains: ' -x ' }
  b: [word, { key: null, 'f|cidr': 10.0.0.0/8, 'g|fieldref': f }, { 'h|base64offset|contains': text }]
  condition: a and not (1 of b* or all of them)
`,
  `title: Counted
name: counted
correlation:
  type: value_count
  rules: [one, two]
  group-by: [User]
  timespan: 10m
  condition: { gte: 5, field: Image }
`,
);

const batch = buildRuleBatch([
  {
    EventKind: 'exec',
    Image: '/usr/bin/bash',
    CommandLine: 'bash -c "curl x | sh"',
    User: 'root',
    ParentImage: '/bin/sh',
  },
  { EventKind: 'file_open', Image: '/bin/cp', TargetFilename: '/etc/ld.so.preload', OpenFlags: ['create', 'truncate'] },
  { EventKind: 'net_connect', Image: '/bin/nc', DestinationIp: '10.1.2.3', DestinationPort: 4444, Protocol: 'tcp' },
]);
const records = new RecordBatch([{ f: '10.1.2.3', g: '10.1.2.3', h: 'dGV4dA==', a: { b: { c: null } } }, {}]);

/** Refused as it should be, or undefined. */
function refusalOf<Result>(make: () => Result): Result | 'refused' {
  try {
    return make();
  } catch (error) {
    const isClear = error instanceof NornError && error.code === 'rule_invalid';
    if (!isClear || !/^fuzz\.yml:\d+: .+: ./s.test(error.message)) throw error;
    return 'refused';
  }
}

function run(text: string): string {
  const set = refusalOf(() => readRules([{ name: 'fuzz.yml', text }]));
  if (set === 'refused') return 'refused at reading';
  const fates = set.rules.map(runRule);
  return fates.includes('refused') ? 'refused at compiling' : 'run';
}

function runRule(rule: Rule): string {
  refusalOf(() => coverageOf(rule));
  const engines = [
    refusalOf(() => new RuleEngine([rule])),
    refusalOf(() => new Engine(recordLayout(), [rule])),
  ] as const;
  const [kernel, any] = engines;
  const found = [
    ...(kernel === 'refused' ? [] : kernel.evaluate(batch).matches),
    ...(any === 'refused' ? [] : any.evaluate(records).matches),
  ];
  if (found.length > MATCHES_MAX) throw new Error(`${found.length} matches of one rule over five events`);
  return engines.includes('refused') ? 'refused' : 'run';
}

it.each([
  ['texts of rules that were changed', (random: SeededRandom): string => changedText(seeds, random)],
  ['rules that were made up', madeRule],
])(
  '%s run, or say what is wrong',
  async (name, make) => {
    const fates = await fuzz({ name, wanted: ['run'], make, run });
    // Were all refused, or none, it would prove little.
    expect(fates.get('run') ?? 0).toBeGreaterThan(0);
    expect([...fates.values()].length).toBeGreaterThan(1);
  },
  3_600_000,
);
