// One value of a field as a test on a text.
import { RE2JS } from 're2js';
import { ruleError, type Place } from '../sigma/document.ts';
import type { Comparison, FieldTest, Position, TimePart } from '../sigma/field-test.ts';
import type { Scalar } from '../sigma/rule.ts';
import { anchored, segmentTest, splitWildcards, type Segment } from '../sigma/wildcards.ts';
import { cidrTest, readNetwork, type Network } from './cidr.ts';
import { foldCase, type FieldText } from './fold.ts';
import { numberTest, readNumber } from './number.ts';
import { requiredLiteral } from './required-literal.ts';

/** What a test asks, for who runs it elsewhere than here. */
export type TestForm =
  /** The segments are folded unless it is cased. */
  | { readonly kind: 'text'; readonly segments: readonly Segment[]; readonly cased: boolean }
  | { readonly kind: 're'; readonly source: string; readonly flags: string }
  | ({ readonly kind: 'cidr' } & Network)
  | {
      readonly kind: 'number';
      readonly comparison: Comparison | undefined;
      readonly timePart: TimePart | undefined;
      readonly wanted: number;
    };

export interface Test {
  /** What the rule asks for, for people. */
  readonly shown: string;
  readonly form: TestForm;
  /** A folded text without which it can not hold; empty when none is known, or when it would be in nearly every text. */
  readonly literal: string;
  /** Whether the text begins and ends with it whenever the test holds. */
  readonly atStart: boolean;
  readonly atEnd: boolean;
  /** In plain comparisons, about. */
  readonly cost: number;
  holds(text: FieldText): boolean;
}

const REGEX_PROGRAM_MAX = 5_000;
const REGEX_COST = 50;
/**
 * A regular expression waits for its literal only if that has this many characters. A shorter one is in nearly every text, and the expression
 * would be tried on all of them; without, it is tried where the rule's other parts hold.
 */
const REGEX_LITERAL_MIN = 4;
const nowhere = { literal: '', atStart: false, atEnd: false };

/** `value` is what the modifiers made of the rule's value. Throws `rule_invalid`. */
export function makeTest(place: Place, asked: FieldTest, value: Exclude<Scalar, null>): Test {
  return { shown: String(value), ...testOf(place, asked, value) };
}

function testOf(place: Place, asked: FieldTest, value: Exclude<Scalar, null>): Omit<Test, 'shown'> {
  switch (asked.reading) {
    case 're':
      return regexTest(place, asked.regexFlags, String(value));
    case 'cidr': {
      const network = readNetwork(place, String(value));
      return { form: { kind: 'cidr', ...network }, ...nowhere, cost: 5, holds: cidrTest(network) };
    }
    case 'number': {
      const { comparison, timePart } = asked;
      const form = { kind: 'number', comparison, timePart, wanted: readNumber(place, value) } as const;
      return { form, ...nowhere, cost: 2, holds: numberTest(form) };
    }
    default:
      return textTest(asked.position, asked.cased, String(value));
  }
}

function textTest(position: Position, cased: boolean, value: string): Omit<Test, 'shown'> {
  const open = {
    start: position === 'contains' || position === 'endswith',
    end: position === 'contains' || position === 'startswith',
  };
  const segments = anchored(splitWildcards(cased ? value : foldCase(value)), open);
  const test = segmentTest(segments);
  return {
    form: { kind: 'text', segments, cased },
    ...literalOf(segments),
    cost: 1,
    holds: cased ? ({ raw }) => test(raw) : ({ folded }) => test(folded),
  };
}

function literalOf(segments: readonly Segment[]): Pick<Test, 'literal' | 'atStart' | 'atEnd'> {
  const literals = segments.filter((segment) => typeof segment === 'string');
  const longest = literals.reduce((found, each) => (each.length > found.length ? each : found), '');
  const [atStart, atEnd] = [segments[0] === longest, segments.at(-1) === longest];
  return longest.length > 1 || atStart || atEnd ? { literal: foldCase(longest), atStart, atEnd } : nowhere;
}

function regexTest(place: Place, flags: string, source: string): Omit<Test, 'shown'> {
  try {
    const compiled = RE2JS.compile(source, flagBits(flags));
    if (compiled.programSize() > REGEX_PROGRAM_MAX) throw new RangeError('it is too large: split it');
    const literal = requiredLiteral(source);
    return {
      form: { kind: 're', source, flags },
      ...nowhere,
      literal: literal.length < REGEX_LITERAL_MIN ? '' : literal,
      cost: REGEX_COST,
      holds: ({ raw }) => compiled.test(raw),
    };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw ruleError(
      place,
      `regular expression /${source}/ is not usable (${why}): write it without look-around and back-references`,
    );
  }
}

function flagBits(flags: string): number {
  const bits = { i: RE2JS.CASE_INSENSITIVE, m: RE2JS.MULTILINE, s: RE2JS.DOTALL };
  return (['i', 'm', 's'] as const).reduce((sum, flag) => (flags.includes(flag) ? sum | bits[flag] : sum), 0);
}

/** How the text of one field is compared with that of another of the same event. */
export function compareTexts({
  position,
  cased,
}: Pick<FieldTest, 'position' | 'cased'>): (text: string, other: string) => boolean {
  const fold = (text: string): string => (cased ? text : foldCase(text));
  switch (position) {
    case 'contains':
      return (text, other) => fold(text).includes(fold(other));
    case 'startswith':
      return (text, other) => fold(text).startsWith(fold(other));
    case 'endswith':
      return (text, other) => fold(text).endsWith(fold(other));
    case 'equals':
      return (text, other) => fold(text) === fold(other);
  }
}
