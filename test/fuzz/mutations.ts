// How texts and bytes are changed: by what parsers stumble over.
import type { SeededRandom } from '@norn/testkit';

/** Lines of one text that are repeated at once, and characters of a piece that is. */
const REPEATS_MAX = 100;
const TEXT_MAX = 300_000;

type ChangeText = (text: string, random: SeededRandom) => string;

/** Pieces that mean something to YAML, to Sigma or to an engine. */
const pieces = [
  ...[
    '|contains',
    '|all',
    '|re',
    '|re|i',
    '|cidr',
    '|base64offset',
    '|windash',
    '|expand',
    '|exists',
    '|fieldref',
    '|gt',
  ],
  ...[
    '|startswith|endswith',
    '|',
    '||',
    '*',
    '?',
    '\\',
    '\\*',
    '\\\\*',
    '%x%',
    'null',
    'true',
    '~',
    '[]',
    '{}',
    '""',
    "''",
  ],
  ...[
    '&a',
    '*a',
    '<<: *a',
    '!!binary',
    '!!js/function',
    '!!set',
    '---',
    '...',
    '|-',
    '>',
    '# ',
    '%YAML 1.1',
    '? ',
    '- - - -',
  ],
  ...[
    '1 of them',
    'all of x*',
    'not ',
    ' and ',
    ' or ',
    '(',
    ')',
    '((((((((',
    '1 of ',
    'of',
    'condition:',
    'detection:',
  ],
  ...[
    '(a+)+$',
    '(?=x)',
    '\\1',
    '[',
    '{1000}',
    'x{1000}{1000}',
    '(?i)',
    '.*.*.*.*',
    '\\p{Greek}',
    '(?P<n>x)',
    '10.0.0.0/8',
    '::/0',
  ],
  ...[
    '0x7fffffffffffffff',
    '1e999',
    '-1',
    '.nan',
    '2026-01-01',
    '__proto__',
    'constructor',
    'toString',
    '\0',
    '\u2028',
    '\ud800',
    '😀',
    '\t',
  ],
  ...[
    'filter:',
    'correlation:',
    'type: temporal_ordered',
    'timespan: 5m',
    'rules: any',
    'group-by: [User]',
    'level: high',
    'tags:',
  ],
];

const changes: readonly ChangeText[] = [
  (text, random) => cut(text, random, ''),
  (text, random) => insert(text, random, random.pick(pieces)),
  (text, random) => cut(text, random, random.pick(pieces)),
  (text, random) => text.slice(0, random.below(text.length + 1)),
  (text, random) => insert(text, random, String.fromCharCode(random.below(random.next() < 0.9 ? 128 : 65_536))),
  (text, random) => insert(text, random, random.pick(pieces).repeat(1 + random.below(REPEATS_MAX))),
  (text, random) => ofLines(text, (lines) => lines.toSpliced(random.below(lines.length), 1)),
  (text, random) => ofLines(text, (lines) => lines.toSpliced(random.below(lines.length), 0, random.pick(lines))),
  (text, random) =>
    ofLines(text, (lines) => {
      const line = random.below(lines.length);
      return lines.with(line, ' '.repeat(random.below(8)) + (lines[line] ?? '').trimStart());
    }),
  (text, random) =>
    ofLines(text, (lines) => {
      const line = random.below(lines.length);
      const many = Array.from({ length: 1 + random.below(REPEATS_MAX) }, () => lines[line] ?? '');
      return lines.toSpliced(line, 0, ...many);
    }),
];

function ofLines(text: string, change: (lines: string[]) => string[]): string {
  return change(text.split('\n')).join('\n');
}

function insert(text: string, random: SeededRandom, piece: string): string {
  const at = random.below(text.length + 1);
  return text.slice(0, at) + piece + text.slice(at);
}

function cut(text: string, random: SeededRandom, instead: string): string {
  const at = random.below(text.length + 1);
  return text.slice(0, at) + instead + text.slice(at + random.below(24));
}

/** One to eight changes, rather fewer; sometimes two texts are joined first. */
export function changedText(seeds: readonly string[], random: SeededRandom): string {
  let text = random.pick(seeds);
  if (random.next() < 0.2) text += `\n---\n${random.pick(seeds)}`;
  for (let left = 1 + random.below(8); left > 0; left -= 1)
    text = random.pick(changes)(text, random).slice(0, TEXT_MAX);
  return text;
}

/** Numbers that lengths and counts go wrong at. */
const edges = [0, 1, 0x7f, 0x80, 0xff];

/** One to sixteen changes of bytes, runs or the length. */
export function changedBytes(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  let changed = Uint8Array.from(bytes);
  for (let left = 1 + random.below(16); left > 0; left -= 1) changed = changeBytes(changed, random);
  return changed;
}

/** As many bytes as before. */
export function changedValues(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const changed = Uint8Array.from(bytes);
  if (changed.length === 0) return changed;
  for (let left = 1 + random.below(8); left > 0; left -= 1) {
    changed[random.below(changed.length)] = random.next() < 0.5 ? random.pick(edges) : random.below(256);
  }
  return changed;
}

function changeBytes(bytes: Uint8Array<ArrayBuffer>, random: SeededRandom): Uint8Array<ArrayBuffer> {
  const at = random.below(bytes.length + 1);
  switch (random.below(6)) {
    case 0:
      return bytes.slice(0, at);
    case 1:
      return joined(bytes.subarray(0, at), random.bytes(1 + random.below(16)), bytes.subarray(at));
    case 2:
      return joined(bytes.subarray(0, at), bytes.subarray(at + random.below(16)));
    case 3:
      return joined(bytes, bytes.subarray(at));
    case 4:
      bytes[at] = random.pick(edges);
      return bytes;
    default:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      return bytes;
  }
}

function joined(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.concat(parts));
}
