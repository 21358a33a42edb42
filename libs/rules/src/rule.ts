// A rule as it stands in a YAML file: Sigma's form, checked, with errors that name the file, the construct and the cure.
import { NornError } from '@norn/base';
import { parseDocument } from 'yaml';
import { z } from 'zod';

export const levels = ['informational', 'low', 'medium', 'high', 'critical'] as const;
export type Level = (typeof levels)[number];

export const categories = [
  'process_creation',
  'file_event',
  'file_change',
  'file_delete',
  'file_rename',
  'network_connection',
] as const;
export type Category = (typeof categories)[number];

/** Bounds of one rule file; what is beyond them is a mistake or an attack. */
const FILE_BYTES_MAX = 64 * 1024;
const VALUES_MAX = 1_000;
const ALIASES_MAX = 16;

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const values = z.union([scalar, z.array(scalar).min(1).max(VALUES_MAX)]);
const fieldMap = z
  .record(z.string().min(1), values)
  .refine((map) => Object.keys(map).length > 0, 'is empty: give it a field');
const selection = z.union([fieldMap, z.array(fieldMap).min(1).max(VALUES_MAX)]);
const testEvent = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]));

const schema = z.strictObject({
  title: z.string().min(3).max(256),
  id: z.uuid(),
  status: z.enum(['stable', 'test', 'experimental']),
  description: z.string().min(20),
  references: z.array(z.string()).optional(),
  author: z.string().optional(),
  date: z.string().optional(),
  modified: z.string().optional(),
  tags: z.array(z.string()).default([]),
  logsource: z.strictObject({
    product: z.literal('linux').optional(),
    category: z.enum(categories),
  }),
  detection: z
    .object({ condition: z.string().min(1) })
    .catchall(selection)
    .refine((detection) => Object.keys(detection).length > 1, 'has a condition but no selection: add one'),
  falsepositives: z.array(z.string()).default([]),
  level: z.enum(levels),
  /** Norn's own: increases when what the rule finds changes. */
  version: z.number().int().positive().default(1),
  /** Norn's own: one sentence about the event; `{Field}` is replaced, `{process}` and `{parent}` are the images' names. */
  summary: z.string().max(256).optional(),
  /** Norn's own: events that must and must not fire. */
  tests: z.strictObject({ positive: z.array(testEvent), negative: z.array(testEvent) }).optional(),
});

export type Rule = z.output<typeof schema> & { readonly file: string; readonly techniques: readonly string[] };
export type Selection = z.output<typeof selection>;
export type FieldMap = z.output<typeof fieldMap>;
export type Scalar = z.output<typeof scalar>;
export type TestEvent = z.output<typeof testEvent>;

/** Error `rule_invalid`: which file, which construct, what to do. */
export function ruleError(file: string, construct: string, cure: string): NornError {
  return new NornError('rule_invalid', `${file}: ${construct}: ${cure}`);
}

/** Reads one rule. Throws `rule_invalid`. */
export function parseRule(file: string, text: string): Rule {
  if (text.length > FILE_BYTES_MAX)
    throw ruleError(file, 'the file', `is larger than ${FILE_BYTES_MAX} bytes: split it`);
  const document = parseDocument(text, { uniqueKeys: true });
  const broken = document.errors[0];
  if (broken) throw ruleError(file, 'YAML', broken.message.split('\n')[0] ?? 'is broken');
  const parsed = schema.safeParse(document.toJS({ maxAliasCount: ALIASES_MAX }));
  if (!parsed.success) throw ruleError(file, ...firstProblem(parsed.error));
  return { ...parsed.data, file, techniques: techniquesOf(parsed.data.tags) };
}

function firstProblem(error: z.ZodError): [construct: string, cure: string] {
  const issue = error.issues[0];
  if (!issue) return ['the rule', 'is not valid'];
  const place = issue.path.map(String).join('.') || 'the rule';
  return [place, cureOf(issue)];
}

function cureOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys')
    return `unknown key ${issue.keys.join(', ')}: remove it or correct its spelling`;
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.map(String).join(', ')}`;
  if (issue.path[0] === 'detection' && issue.code === 'invalid_union') {
    return 'must be a map of fields, or a list of such maps (keywords without a field are not known yet)';
  }
  return issue.message;
}

/** `attack.t1059.004` → `T1059.004`. */
function techniquesOf(tags: readonly string[]): string[] {
  return tags
    .filter((tag) => /^attack\.t\d{4}(\.\d{3})?$/i.test(tag))
    .map((tag) => tag.slice('attack.'.length).toUpperCase());
}
