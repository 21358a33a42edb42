// An action of the catalogue: a shell script that does one thing an attacker does, and whose head says which finding must come of it.
import { NornError } from '@norn/base';
import { levels, type Level } from '@norn/rules';

export const wheres = ['host', 'container', 'both'] as const;
export type Where = (typeof wheres)[number];

export interface AttackAction {
  /** "cron_persistence-spool.sh". */
  readonly file: string;
  /** "cron_persistence-spool". */
  readonly name: string;
  /** One sentence. */
  readonly what: string;
  /** The rule's file in the pack, without its ending. */
  readonly rule: string;
  /** ATT&CK, "T1053.003". */
  readonly technique: string;
  readonly severity: Level;
  readonly where: Where;
  /** Programs that it can not do without. */
  readonly needs: readonly string[];
  /** Lines that do something. */
  readonly body: readonly string[];
}

interface HeadKey {
  readonly accepts: RegExp;
  readonly cure: string;
  readonly optional?: boolean;
}

const headKeys = {
  what: { accepts: /^[A-Z].{9,}\.$/, cure: 'say in one sentence what it does, from a capital to a full stop' },
  rule: { accepts: /^[a-z0-9_]+$/, cure: 'name a file of libs/rules/pack without .yml' },
  technique: { accepts: /^T\d{4}(\.\d{3})?$/, cure: 'write it T1105 or T1053.003' },
  severity: { accepts: new RegExp(`^(${levels.join('|')})$`), cure: `take one of ${levels.join(', ')}` },
  where: { accepts: new RegExp(`^(${wheres.join('|')})$`), cure: `take one of ${wheres.join(', ')}` },
  needs: { accepts: /^[\w.+-]+( [\w.+-]+)*$/, cure: 'name programs with a space between them', optional: true },
} as const satisfies Record<string, HeadKey>;

type Key = keyof typeof headKeys;

const bodyLines = { least: 3, most: 15 } as const;

/** Throws `action_invalid` with file, line and cure. */
export function parseAction(file: string, text: string): AttackAction {
  const lines = text.split('\n');
  const end = lines.findIndex((line) => !line.startsWith('#'));
  const head = readHead(file, end < 0 ? lines : lines.slice(0, end));
  const rule = head.text('rule');
  const variant = new RegExp(`^${rule}-[a-z0-9-]+\\.sh$`);
  if (!variant.test(file)) throw head.refusal('rule', `name the file ${rule}-<variant>.sh, in small letters`);
  return {
    file,
    name: file.replace(/\.sh$/, ''),
    what: head.text('what'),
    rule,
    technique: head.text('technique'),
    severity: head.text('severity') as Level,
    where: head.text('where') as Where,
    needs: head.text('needs').split(' ').filter(Boolean),
    body: readBody(file, lines.slice(end < 0 ? lines.length : end)),
  };
}

interface Head {
  /** Empty for an optional key that is not there. */
  text(key: Key): string;
  refusal(key: Key, cure: string): NornError;
}

function readHead(file: string, lines: readonly string[]): Head {
  const found = new Map<Key, { readonly value: string; readonly line: number }>();
  for (const [at, line] of lines.entries()) {
    if (at === 0 && line.startsWith('#!')) continue;
    const [, key = '', value = ''] = /^# ([a-z]+): (.*)$/.exec(line) ?? [];
    const place = `${file}:${String(at + 1)}`;
    if (!isKey(key))
      throw invalid(place, `"${line}" is none of the head's lines`, `write "# key: value"; keys: ${keys}`);
    if (found.has(key)) throw invalid(place, `${key} is there twice`, 'keep one');
    if (!headKeys[key].accepts.test(value)) throw invalid(place, `${key} "${value}" is not usable`, headKeys[key].cure);
    found.set(key, { value, line: at + 1 });
  }
  for (const [key, { cure, optional }] of Object.entries<HeadKey>(headKeys))
    if (!optional && !found.has(key as Key)) throw invalid(`${file}:1`, `the head has no ${key}`, cure);
  return {
    text: (key) => found.get(key)?.value ?? '',
    refusal: (key, cure) => {
      const { line = 1, value = '' } = found.get(key) ?? {};
      return invalid(`${file}:${String(line)}`, `${key} "${value}" is not usable`, cure);
    },
  };
}

const keys = Object.keys(headKeys).join(', ');

function isKey(word: string): word is Key {
  return Object.hasOwn(headKeys, word);
}

function readBody(file: string, lines: readonly string[]): string[] {
  const body = lines.filter((line) => line.trim() !== '' && !line.trim().startsWith('#'));
  const { least, most } = bodyLines;
  if (body.length < least || body.length > most) {
    const cure = `take ${String(least)} to ${String(most)}: an action does one thing and puts it back`;
    throw invalid(file, `${String(body.length)} lines do something`, cure);
  }
  return body;
}

function invalid(place: string, problem: string, cure: string): NornError {
  return new NornError('action_invalid', `${place}: ${problem}: ${cure}`);
}
