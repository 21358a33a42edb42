// The key of a field in a selection, `Field|modifier|modifier`: which field, and how its text is compared.
import { ruleError, type Place } from './document.ts';

const positions = ['contains', 'startswith', 'endswith'] as const;
const comparisons = ['lt', 'lte', 'gt', 'gte'] as const;
const timeParts = ['minute', 'hour', 'day', 'week', 'month', 'year'] as const;
const transforms = ['base64', 'base64offset', 'utf16le', 'utf16be', 'utf16', 'wide', 'windash', 'expand'] as const;
const regexFlags = ['i', 'm', 's'] as const;
const others = ['all', 'cased', 'neq', 're', 'cidr', 'exists', 'fieldref'] as const;

export type Position = 'equals' | (typeof positions)[number];
export type Comparison = (typeof comparisons)[number];
export type TimePart = (typeof timeParts)[number];
export type Transform = (typeof transforms)[number];

/** How the text of a field is to be taken. */
export type Reading = 'text' | 're' | 'cidr' | 'number' | 'exists' | 'fieldref';

export interface FieldTest {
  /** Empty for keywords, which are looked for in the whole event. */
  readonly field: string;
  readonly reading: Reading;
  readonly position: Position;
  /** Of numbers; undefined when they must be equal. */
  readonly comparison: Comparison | undefined;
  /** The number is this part of a date. */
  readonly timePart: TimePart | undefined;
  /** In the order they are applied in. */
  readonly transforms: readonly Transform[];
  readonly cased: boolean;
  /** Of "ims". */
  readonly regexFlags: string;
  /** Every value must hold, not one of them. */
  readonly all: boolean;
  readonly negated: boolean;
}

type Modifier =
  | (typeof positions | typeof comparisons | typeof timeParts | typeof transforms | typeof regexFlags)[number]
  | (typeof others)[number];

/** What Sigma 2.1 knows. */
export const modifiers: readonly Modifier[] = [
  ...positions,
  ...comparisons,
  ...timeParts,
  ...transforms,
  ...regexFlags,
  ...others,
];

/** Throws `rule_invalid` for a modifier that is not known or does not go with another. */
export function parseFieldTest(place: Place, key: string): FieldTest {
  const [field, ...asked] = key.split('|') as [string, ...Modifier[]];
  const unknown = asked.find((modifier) => !modifiers.includes(modifier));
  if (unknown !== undefined)
    throw ruleError(place, `modifier "${unknown}" is not known: known are ${modifiers.join(', ')}`);
  const within = <Kind extends Modifier>(kind: readonly Kind[]): Kind[] =>
    asked.filter((modifier): modifier is Modifier & Kind => (kind as readonly Modifier[]).includes(modifier));
  const test: FieldTest = {
    field,
    reading: readingOf(asked),
    position: only(place, within(positions)) ?? 'equals',
    comparison: only(place, within(comparisons)),
    timePart: only(place, within(timeParts)),
    transforms: within(transforms),
    cased: asked.includes('cased'),
    regexFlags: within(regexFlags).join(''),
    all: asked.includes('all'),
    negated: asked.includes('neq'),
  };
  refuseMixtures(place, test);
  return test;
}

function readingOf(asked: readonly Modifier[]): Reading {
  const named = (['re', 'cidr', 'exists', 'fieldref'] as const).find((reading) => asked.includes(reading));
  if (named) return named;
  const isNumber = (modifier: Modifier): boolean => ([...comparisons, ...timeParts] as Modifier[]).includes(modifier);
  return asked.some(isNumber) ? 'number' : 'text';
}

function only<Kind extends Modifier>(place: Place, found: readonly Kind[]): Kind | undefined {
  if (found.length > 1) throw ruleError(place, `${found.join(' and ')} exclude each other: keep one`);
  return found[0];
}

/** Which of the others each reading may stand with. */
function refuseMixtures(place: Place, test: FieldTest): void {
  const { reading } = test;
  const refuse = (has: boolean, what: string): void => {
    if (has) throw ruleError(place, `${reading === 'text' ? 'a text' : reading} does not go with ${what}: remove one`);
  };
  refuse(test.regexFlags !== '' && reading !== 're', `the flags ${test.regexFlags} of "re"`);
  refuse(test.position !== 'equals' && !['text', 'fieldref'].includes(reading), test.position);
  refuse(test.cased && !['text', 'fieldref'].includes(reading), 'cased (regular expressions are)');
  const encodings = test.transforms.filter((transform) => transform !== 'expand');
  refuse(encodings.length > 0 && reading !== 'text', encodings.join(', '));
  refuse(test.transforms.length > 0 && ['exists', 'fieldref', 'number'].includes(reading), test.transforms.join(', '));
  refuse(test.all && ['exists', 'number'].includes(reading), 'all');
  refuse((test.comparison ?? test.timePart) !== undefined && reading !== 'number', 'a comparison of numbers');
  if (test.field === '' && !['text', 're'].includes(reading))
    throw ruleError(place, `keywords are texts: give ${reading} a field`);
}
