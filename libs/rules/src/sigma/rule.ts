// A detection rule as it stands in a YAML file: Sigma 2.1's form, checked, and what Norn adds to it.
import { z } from 'zod';
import { readDocuments, ruleError, type Path, type Place, type RuleDocument } from './document.ts';

export const levels = ['informational', 'low', 'medium', 'high', 'critical'] as const;
export type Level = (typeof levels)[number];

const VALUES_MAX = 5_000;
const SELECTIONS_MAX = 200;

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const values = z.union([scalar, z.array(scalar).min(1).max(VALUES_MAX)]);
/** Fields with their modifiers, and the values of each; all must hold. */
export const fieldMap = z
  .record(z.string(), values)
  .refine((map) => Object.keys(map).length > 0, 'is empty: give it a field');
const word = z.union([z.string(), z.number()]);
export const selection = z.union([
  word,
  fieldMap,
  z
    .array(z.union([word, fieldMap]))
    .min(1)
    .max(VALUES_MAX),
]);
const condition = z.union([z.string().min(1), z.array(z.string().min(1)).min(1).max(16)]);
export const testEvent = z.record(
  z.string(),
  z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(z.string())]),
);
const date = z.union([z.string(), z.date()]).transform(String);
const texts = z.union([z.string(), z.array(z.string())]).transform((given) => (Array.isArray(given) ? given : [given]));

export const logSource = z.strictObject({
  product: z.string().optional(),
  category: z.string().optional(),
  service: z.string().optional(),
  definition: z.string().optional(),
});

/** A condition and the selections it speaks of; a filter has them under another key. */
export const detectionOf = z
  .object({ condition })
  .catchall(selection)
  .refine((detection) => Object.keys(detection).length > 1, 'has a condition but no selection: add one')
  .refine((detection) => Object.keys(detection).length <= SELECTIONS_MAX, `has more than ${SELECTIONS_MAX} selections`);

/** What all kinds of Sigma documents say of themselves. */
export const about = {
  title: z.string().min(1).max(256),
  id: z.guid().optional(),
  name: z.string().max(256).optional(),
  taxonomy: z.string().optional(),
  status: z.enum(['stable', 'test', 'experimental', 'deprecated', 'unsupported']).optional(),
  description: z.string().max(65_535).default(''),
  license: z.string().optional(),
  references: texts.optional(),
  author: z.string().optional(),
  date: date.optional(),
  modified: date.optional(),
  related: z.array(z.object({ id: z.string(), type: z.string() })).optional(),
  tags: z.array(z.string()).default([]),
  fields: z.array(z.string()).optional(),
  falsepositives: texts.default([]),
  level: z.enum(levels).optional(),
  scope: z.array(z.string()).optional(),
};

const schema = z.object({
  ...about,
  logsource: logSource,
  detection: detectionOf,
  /** Norn's own: increases when what the rule finds changes. */
  version: z.number().int().positive().default(1),
  /** Norn's own: one sentence about the event; `{Field}` is replaced, `{process}` and `{parent}` are the images' names. */
  summary: z.string().max(256).optional(),
  /** Norn's own: events that must and must not fire. */
  tests: z.strictObject({ positive: z.array(testEvent), negative: z.array(testEvent) }).optional(),
});

export type LogSource = z.output<typeof logSource>;
export type Selection = z.output<typeof selection>;
export type FieldMap = z.output<typeof fieldMap>;
export type Scalar = z.output<typeof scalar>;
export type TestEvent = z.output<typeof testEvent>;

/** A condition to be met by each event alone, made of selections that are asked for by name. */
export interface Detection {
  readonly conditions: readonly string[];
  readonly selections: Readonly<Record<string, Selection>>;
  /** For errors; the path starts at the selection's name. */
  place(path: Path): Place;
}

export interface Rule extends Omit<z.output<typeof schema>, 'detection' | 'level' | 'id'> {
  readonly kind: 'detection';
  readonly file: string;
  /** Empty when the file gives none. */
  readonly id: string;
  readonly level: Level;
  readonly detection: Detection;
  /** Of filters that were applied: what they find is not told. */
  readonly filters: readonly Detection[];
  /** ATT&CK, `T1059.004`. */
  readonly techniques: readonly string[];
}

/** Rules speak of others by id or by name. */
export function isCalled({ id, name }: { id: string; name?: string | undefined }, asked: string): boolean {
  return id === asked || name === asked;
}

/** Reads a file with one detection rule. Throws `rule_invalid`. */
export function parseRule(file: string, text: string): Rule {
  const [first, second] = readDocuments(file, text);
  if (second) throw ruleError(second.place([]), 'is a second document: a file of the pack holds one rule');
  const document = first as RuleDocument;
  const keys = Object.keys(document.value ?? {});
  const other = ['correlation', 'filter'].find((kind) => keys.includes(kind));
  if (other !== undefined) throw ruleError(document.place([other]), `is a ${other}: here one detection rule is wanted`);
  return detectionRule(document);
}

export function detectionRule(document: RuleDocument): Rule {
  const { detection, level, id, ...rest } = document.parse(schema);
  return {
    ...rest,
    kind: 'detection',
    file: document.file,
    id: id ?? '',
    level: level ?? 'medium',
    detection: toDetection(document, 'detection', detection),
    filters: [],
    techniques: techniquesOf(rest.tags),
  };
}

/** `key` is where the selections stand in the document. */
export function toDetection(
  document: RuleDocument,
  key: string,
  { condition, ...selections }: z.output<typeof detectionOf>,
): Detection {
  return {
    conditions: Array.isArray(condition) ? condition : [condition],
    selections,
    place: (path) => document.place([key, ...path]),
  };
}

/** `attack.t1059.004` → `T1059.004`. */
export function techniquesOf(tags: readonly string[]): string[] {
  return tags
    .filter((tag) => /^attack\.t\d{4}(\.\d{3})?$/i.test(tag))
    .map((tag) => tag.slice('attack.'.length).toUpperCase());
}
