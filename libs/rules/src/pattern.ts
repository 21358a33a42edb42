// One value of a Sigma field as a test on a string: wildcards `*` `?`, modifiers, case, regular expressions in linear time.
import { RE2JS } from 're2js';
import { ruleError, type Scalar } from './rule.ts';

/** Takes a field's text and whether it matches. */
export type TextTest = (text: FieldText) => boolean;

/** A text with its lower-case form at hand, so that many patterns fold it once. */
export interface FieldText {
  readonly raw: string;
  readonly folded: string;
}

export interface PatternSpec {
  /** contains, startswith, endswith, re, or none for equality. */
  readonly match: 'equals' | 'contains' | 'startswith' | 'endswith' | 're';
  readonly cased: boolean;
  /** Of "ims": case-insensitive, multi-line, dot matches all. */
  readonly regexFlags: string;
}

/** Where the pattern stands, for its error. */
export interface PatternPlace {
  readonly file: string;
  readonly construct: string;
}

const REGEX_PROGRAM_MAX = 5_000;

export function compilePattern(place: PatternPlace, spec: PatternSpec, value: Scalar): TextTest {
  if (spec.match === 're') return regex(place, spec.regexFlags, value);
  if (value === null || value === '') return (text) => text.raw === '';
  const source = spec.cased ? String(value) : String(value).toLowerCase();
  const segments = anchored(splitWildcards(source), spec.match);
  const test = segmentTest(segments);
  return spec.cased ? (text) => test(text.raw) : (text) => test(text.folded);
}

function regex(place: PatternPlace, flags: string, value: Scalar): TextTest {
  try {
    const compiled = RE2JS.compile(String(value), flagBits(flags));
    if (compiled.programSize() > REGEX_PROGRAM_MAX) throw new RangeError('it is too large: split it');
    return (text) => compiled.test(text.raw);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw ruleError(
      place.file,
      place.construct,
      `regular expression /${String(value)}/ is not usable (${why}): write it without look-around and back-references`,
    );
  }
}

/**
 * The tests of one field's values: any of them is enough. Plain words that must be the whole text, its beginning or its end are looked up
 * together, so a list of fifty costs what one does.
 */
export function compilePatterns(place: PatternPlace, spec: PatternSpec, values: readonly Scalar[]): TextTest[] {
  const words = new Set<string>();
  const tests: TextTest[] = [];
  for (const value of values) {
    const word = plainWord(spec, value);
    if (word === undefined) tests.push(compilePattern(place, spec, value));
    else words.add(spec.cased ? word : word.toLowerCase());
  }
  if (words.size > 0) tests.unshift(wordTest(spec, words));
  return tests;
}

/** Undefined when it has wildcards, is empty, or is not looked for at an end. */
function plainWord(spec: PatternSpec, value: Scalar): string | undefined {
  if (spec.match === 're' || spec.match === 'contains' || value === null || value === '') return undefined;
  const [only, ...more] = splitWildcards(String(value));
  return typeof only === 'string' && more.length === 0 ? only : undefined;
}

function wordTest({ match, cased }: PatternSpec, words: ReadonlySet<string>): TextTest {
  const of = (text: FieldText): string => (cased ? text.raw : text.folded);
  if (match === 'equals') return (text) => words.has(of(text));
  const lengths = [...new Set([...words].map(({ length }) => length))];
  if (match === 'startswith') return (text) => lengths.some((length) => words.has(of(text).slice(0, length)));
  return (text) => lengths.some((length) => words.has(of(text).slice(-length)));
}

function flagBits(flags: string): number {
  const bits = { i: RE2JS.CASE_INSENSITIVE, m: RE2JS.MULTILINE, s: RE2JS.DOTALL };
  return (['i', 'm', 's'] as const).reduce((sum, flag) => (flags.includes(flag) ? sum | bits[flag] : sum), 0);
}

/** Literal runs with the wildcards `*` and `?` between them. */
type Segment = string | typeof ANY | typeof ONE;
const ANY = 0;
const ONE = 1;

/** A backslash takes away the meaning of `*`, `?` and of another backslash before these; elsewhere it is itself. */
export function splitWildcards(value: string): Segment[] {
  const segments: Segment[] = [];
  let literal = '';
  const flush = (): void => {
    if (literal !== '') segments.push(literal);
    literal = '';
  };
  for (let at = 0; at < value.length; at += 1) {
    const character = value.charAt(at);
    if (character === '\\' && /[*?\\]/.test(value.charAt(at + 1))) literal += value.charAt((at += 1));
    else if (character === '*' || character === '?') {
      flush();
      segments.push(character === '*' ? ANY : ONE);
    } else literal += character;
  }
  flush();
  return segments;
}

function anchored(segments: Segment[], match: PatternSpec['match']): Segment[] {
  const before: Segment[] = match === 'contains' || match === 'endswith' ? [ANY] : [];
  const after: Segment[] = match === 'contains' || match === 'startswith' ? [ANY] : [];
  const all: Segment[] = [...before, ...segments, ...after];
  return all.filter((segment, at) => segment !== ANY || all[at - 1] !== ANY);
}

function segmentTest(segments: readonly Segment[]): (text: string) => boolean {
  const [first, second, third] = segments;
  if (segments.length === 1) return typeof first === 'string' ? (text) => text === first : general(segments);
  if (segments.length === 2 && first === ANY && typeof second === 'string') return (text) => text.endsWith(second);
  if (segments.length === 2 && second === ANY && typeof first === 'string') return (text) => text.startsWith(first);
  if (segments.length === 3 && first === ANY && typeof second === 'string' && third === ANY)
    return (text) => text.includes(second);
  return general(segments);
}

/** Wildcard match that backs up to the last `*` only: at most length × segments steps. */
function general(segments: readonly Segment[]): (text: string) => boolean {
  return (text) => {
    let [at, segment, starAt, starSegment] = [0, 0, -1, -1];
    for (;;) {
      const expected = segments[segment];
      if (expected === ANY) [starAt, starSegment, segment] = [at, segment, segment + 1];
      else if (expected === undefined && at === text.length) return true;
      else if (expected === ONE && at < text.length) [at, segment] = [at + 1, segment + 1];
      else if (typeof expected === 'string' && text.startsWith(expected, at))
        [at, segment] = [at + expected.length, segment + 1];
      else if (starSegment >= 0 && starAt < text.length) [at, segment] = [(starAt += 1), starSegment + 1];
      else return false;
    }
  };
}
