// A policy as it stands in a YAML file: ordered rules, of which the first that matches decides.
import { NornError } from '@norn/base';
import { fieldMap, levels, readDocuments, ruleError, testEvent, type Place, type RuleDocument } from '@norn/rules';
import { z } from 'zod';

/** What may be done about an event, from nothing at all to the most. */
export const policyActions = ['allow', 'observe', 'alert', 'suspend', 'kill', 'kill-and-remediate', 'deny'] as const;
export type PolicyAction = (typeof policyActions)[number];

/** What a rule can be about. */
export const policyKinds = ['exec', 'file', 'network', 'hash', 'canary', 'drift'] as const;
export type PolicyKind = (typeof policyKinds)[number];

const RULES_MAX = 500;
const LIST_MAX = 1_000;
const TESTS_MAX = 50;
const TEXT_MAX = 1_024;

const word = z.string().min(1).max(TEXT_MAX);
/** One or a list. */
const words = z.union([word, z.array(word).min(1).max(LIST_MAX)]).transform((given) => [given].flat());
/** Any of several. */
const fields = z.union([fieldMap, z.array(fieldMap).min(1).max(LIST_MAX)]);
const name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,99}$/, 'is written with small letters, digits and "-"');

const when = z.strictObject({
  exec: fields.optional(),
  file: fields.optional(),
  network: fields.optional(),
  /** SHA-256 of programs. */
  hash: z
    .union([z.string(), z.array(z.string())])
    .transform((given) => [given].flat())
    .pipe(
      z
        .array(z.string().regex(/^[0-9a-f]{64}$/i, 'is not the 64 hex digits of a SHA-256'))
        .min(1)
        .max(LIST_MAX),
    )
    .optional(),
  /** Files that nobody has a reason to touch. */
  canary: words.optional(),
  /** Programs of a container that did not come with its image: all (`true`), or those with these fields. */
  drift: z.union([z.literal(true), fields]).optional(),
  /** Of `file`: write (also makes), change, delete, rename; of `network`: out, in. Not given: write, or both. */
  operations: z
    .array(z.enum(['write', 'change', 'delete', 'rename', 'out', 'in']))
    .min(1)
    .optional(),
  /** What is excepted, any of several. */
  not: fields.optional(),
});

const subjects = z.strictObject({
  hostGroup: words.optional(),
  containerImage: words.optional(),
  namespace: words.optional(),
  /** Labels of pods: all must be there, with this value or one of these. */
  labels: z.record(word, words).optional(),
  /** Names, or numbers: names of a container's users are not known. */
  user: z
    .union([word, z.number(), z.array(z.union([word, z.number()])).min(1)])
    .transform((given) => [given].flat())
    .optional(),
  /** Paths of programs: they themselves, and all that was started below them. */
  program: words.optional(),
});

const rule = z.strictObject({
  name,
  description: z.string().max(4_096).default(''),
  when,
  subjects: subjects.default({}),
  action: z.enum(policyActions),
  /** Until then, by the time of the event, it only observes. */
  observeUntil: z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?Z)?$/, 'is written 2027-01-31 or 2027-01-31T18:00Z (UTC)')
    .refine((text) => !Number.isNaN(Date.parse(text)), 'is no date of the calendar')
    .optional(),
  /** Of `deny`: what is done where the host can not refuse it. */
  otherwise: z.enum(['observe', 'alert', 'suspend', 'kill', 'kill-and-remediate']).optional(),
  cve: z
    .string()
    .regex(/^CVE-\d{4}-\d{4,7}$/, 'is written CVE-2021-44228')
    .optional(),
  level: z.enum(levels).optional(),
  techniques: z.array(z.string().regex(/^T\d{4}(\.\d{3})?$/, 'is written T1190 or T1059.004')).default([]),
  /** `{process}`, `{parent}` and `{Field}` are replaced. */
  summary: z.string().max(256).optional(),
  tests: z
    .strictObject({
      match: z.array(testEvent).max(TESTS_MAX).default([]),
      nomatch: z.array(testEvent).max(TESTS_MAX).default([]),
    })
    .default({ match: [], nomatch: [] }),
});

const schema = z.strictObject({
  policy: name,
  version: z.number().int().positive().default(1),
  description: z.string().max(4_096).default(''),
  rules: z.array(rule).min(1).max(RULES_MAX),
});

export interface PolicyRule extends z.output<typeof rule> {
  readonly kind: PolicyKind;
  /** Of the keys below it, for errors. */
  readonly place: (path: readonly (string | number)[]) => Place;
}

export interface Policy extends Omit<z.output<typeof schema>, 'rules'> {
  readonly file: string;
  /** In their order. */
  readonly rules: readonly PolicyRule[];
}

/** Throws `policy_invalid` with file, line, construct and cure. What its rules ask is looked at when they are compiled. */
export function parsePolicy(file: string, text: string): Policy {
  return asPolicyError(() => {
    const [document, second] = readDocuments(file, text);
    if (second) throw ruleError(second.place([]), 'is a second document: a file holds one policy');
    return policyOf(document as RuleDocument);
  });
}

/** The reader of documents speaks of rules, which is what a policy is made of. */
export function asPolicyError<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof NornError) || error.code !== 'rule_invalid') throw error;
    throw new NornError('policy_invalid', error.message, { cause: error });
  }
}

function policyOf(document: RuleDocument): Policy {
  const { rules, ...about } = document.parse(schema);
  const known = new Set<string>();
  return {
    ...about,
    file: document.file,
    rules: rules.map((each, number) => {
      const place = (path: readonly (string | number)[]): Place => document.place(['rules', number, ...path]);
      if (known.has(each.name)) throw ruleError(place(['name']), `${each.name} is there twice: rename one`);
      known.add(each.name);
      return checked({ ...each, kind: kindOf(each.when, place), place });
    }),
  };
}

function kindOf(asked: z.output<typeof when>, place: PolicyRule['place']): PolicyKind {
  const [kind, ...more] = policyKinds.filter((key) => asked[key] !== undefined);
  const all = policyKinds.join(', ');
  if (kind === undefined) throw ruleError(place(['when']), `asks for nothing: give it one of ${all}`);
  if (more.length > 0) throw ruleError(place(['when']), `${kind} and ${more.join(', ')}: make a rule of each`);
  return kind;
}

const operationsOf: Partial<Record<PolicyKind, readonly string[]>> = {
  file: ['write', 'change', 'delete', 'rename'],
  network: ['out', 'in'],
};

/** What the schema can not say. Throws `rule_invalid`. */
function checked(rule: PolicyRule): PolicyRule {
  checkAsked(rule);
  const { action, otherwise, cve, level, tests, place } = rule;
  const isDone = action !== 'allow' && action !== 'observe';
  if (isDone && (level === 'informational' || level === 'low'))
    throw ruleError(place(['level']), `nothing below medium opens an alert, and this is to ${action}: raise it`);
  if (otherwise !== undefined && action !== 'deny')
    throw ruleError(place(['otherwise']), `is for deny, and this is ${action}: remove it`);
  if (cve !== undefined && (tests.match.length === 0 || tests.nomatch.length === 0))
    throw ruleError(place(['tests']), `${cve} needs an event that matches and one that does not: add them`);
  return rule;
}

/** Keys that its kind does not have. */
function checkAsked({ kind, when: asked, place }: PolicyRule): void {
  const fitting = operationsOf[kind] ?? [];
  const odd = asked.operations?.find((operation) => !fitting.includes(operation));
  if (odd !== undefined) {
    const cure = fitting.length > 0 ? `use ${fitting.join(', ')}` : 'remove the key';
    throw ruleError(place(['when', 'operations']), `"${odd}" is nothing that ${kind} has: ${cure}`);
  }
  if (asked.not !== undefined && (kind === 'canary' || kind === 'hash'))
    throw ruleError(place(['when', 'not']), `${kind} has no exceptions: put a rule that allows before it`);
}
