// The values of a field as texts to look for: placeholders filled in, encodings applied, in the order of the modifiers.
import { escapeWildcards, hasWildcards, unescapeWildcards } from './wildcards.ts';
import { ruleError, type Place } from './document.ts';
import type { Transform } from './field-test.ts';

/** Texts that stand for `%name%` in values with the modifier `expand`. */
export type Placeholders = ReadonlyMap<string, readonly string[]>;

/** More texts than this of one value are refused. */
const TEXTS_MAX = 1_000;

/** A text with wildcards as Sigma writes them; `bytes` when each character stands for one byte of an encoding. */
interface Value {
  readonly text: string;
  readonly bytes: boolean;
}

export interface Transforming {
  readonly place: Place;
  readonly transforms: readonly Transform[];
  readonly placeholders: Placeholders;
}

/** Throws `rule_invalid` for a placeholder nobody filled, or wildcards in what is to be encoded. */
export function transformed(text: string, { place, transforms, placeholders }: Transforming): string[] {
  let values: Value[] = [{ text, bytes: false }];
  for (const transform of transforms) {
    values = values.flatMap((value) => apply[transform](value, place, placeholders));
    if (values.length > TEXTS_MAX) throw ruleError(place, `${transform} makes more than ${TEXTS_MAX} texts of one`);
  }
  return values.map((value) => value.text);
}

type Apply = (value: Value, place: Place, placeholders: Placeholders) => Value[];

const apply: Readonly<Record<Transform, Apply>> = {
  base64: (value, place) => [{ text: escapeWildcards(bytesOf(value, place).toString('base64')), bytes: false }],
  base64offset: (value, place) => offsets(bytesOf(value, place)).map((text) => ({ text, bytes: false })),
  utf16le: (value, place) => [wide(plain(value, place))],
  wide: (value, place) => [wide(plain(value, place))],
  utf16be: (value, place) => [ofBytes(Buffer.from(plain(value, place), 'utf16le').swap16())],
  utf16: (value, place) => [ofBytes(Buffer.from(`\ufeff${plain(value, place)}`, 'utf16le'))],
  windash: (value) => dashes(value.text).map((text) => ({ ...value, text })),
  expand: (value, place, placeholders) => expanded(value.text, place, placeholders).map((text) => ({ ...value, text })),
};

function plain({ text }: Value, place: Place): string {
  if (hasWildcards(text)) throw ruleError(place, `"${text}" has wildcards, which can not be encoded: remove them`);
  return unescapeWildcards(text);
}

function bytesOf(value: Value, place: Place): Buffer {
  return Buffer.from(plain(value, place), value.bytes ? 'latin1' : 'utf8');
}

function ofBytes(bytes: Buffer): Value {
  return { text: escapeWildcards(bytes.toString('latin1')), bytes: true };
}

function wide(text: string): Value {
  return ofBytes(Buffer.from(text, 'utf16le'));
}

/** The parts of the encoded text that do not depend on what stands before and after it, for each of the three shifts. */
function offsets(bytes: Buffer): string[] {
  return [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replaceAll('=', '');
    const tail = (bytes.length + shift) % 3 === 0 ? 0 : 1;
    return escapeWildcards(encoded.slice(Math.ceil((shift * 8) / 6), encoded.length - tail));
  });
}

const dashCharacters = ['-', '/', '–', '—', '―'];

/** A dash that begins a word, as every character that stands for one. */
function dashes(text: string): string[] {
  const parts = text.split(/\B[-/–—―]\b/u);
  return parts
    .slice(1)
    .reduce<string[]>(
      (begun, part) =>
        begun.flatMap((start) => dashCharacters.map((dash) => `${start}${dash}${part}`)).slice(0, TEXTS_MAX + 1),
      [parts[0] ?? ''],
    );
}

function expanded(text: string, place: Place, placeholders: Placeholders): string[] {
  const parts = text.split(/(?<!\\)%(\w+)%/);
  return parts
    .reduce<string[]>(
      (begun, part, at) => {
        if (at % 2 === 0) return begun.map((start) => start + part);
        const known = placeholders.get(part);
        if (!known || known.length === 0)
          throw ruleError(place, `placeholder %${part}% has no values here: give them with the rule set, or remove it`);
        return begun.flatMap((start) => known.map((each) => start + each)).slice(0, TEXTS_MAX + 1);
      },
      [''],
    )
    .map((each) => each.replaceAll('\\%', '%'));
}
