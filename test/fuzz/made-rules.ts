// Rules made up of what Sigma allows, in combinations that nobody would write. As JSON, which is YAML.
import type { SeededRandom } from '@norn/testkit';

const sources = [
  { category: 'process_creation' },
  { category: 'file_event' },
  { category: 'network_connection' },
  { product: 'linux', service: 'auditd' },
  { product: 'linux' },
  { service: 'sshd' },
];
const fields = [
  'Image',
  'CommandLine',
  'TargetFilename',
  'DestinationIp',
  'User',
  'ProcessId',
  'type',
  'SYSCALL',
  'a0',
  'name',
  'comm',
  'f',
  '',
];
const modifiers = [
  ...[
    'contains',
    'startswith',
    'endswith',
    'all',
    'cased',
    're',
    'i',
    'm',
    's',
    'cidr',
    'exists',
    'fieldref',
    'neq',
    'expand',
  ],
  ...[
    'lt',
    'lte',
    'gt',
    'gte',
    'minute',
    'week',
    'year',
    'base64',
    'base64offset',
    'utf16',
    'utf16le',
    'wide',
    'windash',
  ],
];
const values = [
  ...[
    '',
    '*',
    '?',
    '\\',
    '\\*',
    'a*b?c',
    '**',
    '/bin/sh',
    '-x',
    ' ',
    'Image',
    '%x%',
    '%',
    '10.0.0.0/8',
    '::1/64',
    '10.0.0.0/33',
    '1e3',
    '-0',
    '0x1f',
  ],
  ...[
    '^a+$',
    '(a|b)*c',
    '[',
    '(?:',
    '\\d{2,}',
    '.{0,200}',
    '(?i)x',
    '\\bsh\\b',
    '$^',
    '😀',
    '\u0130',
    'ﬀ',
    '2026-11-27',
    'EXECVE',
    'PATH',
    'openat',
  ],
  ...[0, -1, 1.5, 2 ** 53, true, false, null],
];
const names = ['a', 'b', 'c_1', 'c_2', '_hidden'];

function some<Result>(random: SeededRandom, atMost: number, make: () => Result): Result[] {
  return Array.from({ length: 1 + random.below(atMost) }, make);
}

function madeMap(random: SeededRandom): Record<string, unknown> {
  const entries = some(random, 3, () => {
    const asked = Array.from({ length: Math.floor(random.next() ** 3 * 4) }, () => random.pick(modifiers));
    const key = [random.pick(fields), ...asked].join('|');
    return [key, random.next() < 0.5 ? random.pick(values) : some(random, 4, () => random.pick(values))] as const;
  });
  return Object.fromEntries(entries);
}

function madeSelection(random: SeededRandom): unknown {
  const kind = random.next();
  if (kind < 0.6) return madeMap(random);
  if (kind < 0.8) return some(random, 3, () => madeMap(random));
  return some(random, 3, () => String(random.pick(values)));
}

function madeCondition(random: SeededRandom, depth = 0): string {
  const inner = (): string => madeCondition(random, depth + 1);
  switch (depth > 5 ? 0 : random.below(7)) {
    case 1:
      return `not ${inner()}`;
    case 2:
      return `(${inner()})`;
    case 3:
      return `${inner()} and ${inner()}`;
    case 4:
      return `${inner()} or ${inner()}`;
    case 5:
      return `${random.pick(['1', 'any', 'all'])} of ${random.pick(['them', 'c_*', '*', 'a'])}`;
    default:
      return random.pick(names);
  }
}

/** The text of one rule; most of them compile, or are refused for one thing. */
export function madeRule(random: SeededRandom): string {
  const selections = Object.fromEntries(names.map((name) => [name, madeSelection(random)]));
  return JSON.stringify({
    title: 'Made up',
    logsource: random.pick(sources),
    detection: { ...selections, condition: madeCondition(random) },
  });
}
