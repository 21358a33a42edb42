// A correlation rule as it stands in a YAML file: what is counted or awaited over the events that other rules find.
import { z } from 'zod';
import { ruleError, type Path, type Place, type RuleDocument } from './document.ts';
import { about, techniquesOf, testEvent, type Level, type TestEvent } from './rule.ts';

const counting = ['event_count', 'value_count', 'value_sum', 'value_avg', 'value_percentile'] as const;
const temporal = ['temporal', 'temporal_ordered'] as const;
const operators = ['gt', 'gte', 'lt', 'lte', 'eq', 'neq'] as const;

export type CorrelationType = (typeof counting)[number] | (typeof temporal)[number];
export type Operator = (typeof operators)[number];

const RULES_MAX = 64;
const NOT = /^not\s+/i;
const TIMESPAN_MS_MAX = 30 * 86_400_000;
const units = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

const names = z
  .union([z.string(), z.array(z.string()).min(1)])
  .transform((given) => (Array.isArray(given) ? given : [given]));

const condition = z
  .strictObject({
    ...Object.fromEntries(operators.map((operator) => [operator, z.number().optional()])),
    field: names.optional(),
    percentile: z.number().min(0).max(100).optional(),
  })
  .transform((given) => given as { field?: string[]; percentile?: number } & Partial<Record<Operator, number>>);

const testRun = z.array(testEvent).min(1);

const schema = z.object({
  ...about,
  correlation: z.strictObject({
    type: z.enum([...counting, ...temporal]),
    rules: names.refine((rules) => rules.length <= RULES_MAX, `has more than ${RULES_MAX} rules`),
    'group-by': names.default([]),
    timespan: z.string().regex(/^[1-9]\d{0,6}[smhd]$/, 'must be a number and one of s, m, h, d: 5m'),
    condition: condition.optional(),
    aliases: z.record(z.string(), z.record(z.string(), z.string())).default({}),
    /** Norn's own: an event that one of these finds ends what had begun. */
    until: names.refine((rules) => rules.length <= RULES_MAX, `has more than ${RULES_MAX} rules`).default([]),
    generate: z.boolean().default(false),
  }),
  generate: z.boolean().optional(),
  version: z.number().int().positive().default(1),
  /** Norn's own: one sentence; `{count}` and the fields of `group-by` are replaced. */
  summary: z.string().max(256).optional(),
  /** Norn's own: runs of events, each with `at`, seconds, that must and must not fire. */
  tests: z.strictObject({ positive: z.array(testRun), negative: z.array(testRun) }).optional(),
});

export interface CorrelationRule {
  readonly kind: 'correlation';
  readonly file: string;
  readonly id: string;
  readonly name: string | undefined;
  readonly title: string;
  readonly author: string | undefined;
  readonly description: string;
  readonly level: Level;
  readonly techniques: readonly string[];
  readonly falsepositives: readonly string[];
  readonly type: CorrelationType;
  readonly version: number;
  readonly summary: string | undefined;
  readonly tests: { readonly positive: readonly TestEvent[][]; readonly negative: readonly TestEvent[][] } | undefined;
  /** Ids or names; in order when the type is ordered. */
  readonly rules: readonly string[];
  /** Positions in `rules` of those that must not be found there: `not NAME` in the file. */
  readonly negated: ReadonlySet<number>;
  /** Ids or names of rules whose events end what had begun. */
  readonly until: readonly string[];
  readonly groupBy: readonly string[];
  readonly timespanMs: number;
  /** All must hold of the count. */
  readonly bounds: readonly (readonly [Operator, number])[];
  /** Whose values are counted or added up. */
  readonly fields: readonly string[];
  /** Undefined: the share of the rarest value is meant, in percent. */
  readonly percentile: number | undefined;
  /** Alias → rule → field. */
  readonly aliases: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Whether the rules it is about are told of on their own, too. */
  readonly generate: boolean;
  readonly place: (path: Path) => Place;
}

/** Throws `rule_invalid`. */
export function correlationRule(document: RuleDocument): CorrelationRule {
  const { correlation, generate, ...rest } = document.parse(schema);
  const place = (path: Path): Place => document.place(['correlation', ...path]);
  const rule: CorrelationRule = {
    kind: 'correlation',
    file: document.file,
    id: rest.id ?? '',
    name: rest.name,
    title: rest.title,
    author: rest.author,
    description: rest.description,
    level: rest.level ?? 'medium',
    techniques: techniquesOf(rest.tags),
    falsepositives: rest.falsepositives,
    type: correlation.type,
    version: rest.version,
    summary: rest.summary,
    tests: rest.tests,
    rules: correlation.rules.map((asked) => asked.replace(NOT, '')),
    negated: new Set(correlation.rules.flatMap((asked, at) => (NOT.test(asked) ? [at] : []))),
    until: correlation.until,
    groupBy: correlation['group-by'],
    timespanMs: spanOf(place(['timespan']), correlation.timespan),
    bounds: boundsOf(correlation.condition ?? {}),
    fields: correlation.condition?.field ?? [],
    percentile: correlation.condition?.percentile,
    aliases: correlation.aliases,
    generate: generate ?? correlation.generate,
    place,
  };
  refuseIncomplete(rule);
  return rule;
}

function spanOf(place: Place, timespan: string): number {
  const span = Number(timespan.slice(0, -1)) * units[timespan.slice(-1) as keyof typeof units];
  if (span > TIMESPAN_MS_MAX) throw ruleError(place, 'is longer than 30 days: hunt for it over the history instead');
  return span;
}

function boundsOf(condition: Partial<Record<Operator, number>>): [Operator, number][] {
  return operators.flatMap((operator) => {
    const value = condition[operator];
    return value === undefined ? [] : [[operator, value] as [Operator, number]];
  });
}

function refuseIncomplete({ type, bounds, fields, rules, negated, place }: CorrelationRule): void {
  const counts = (counting as readonly string[]).includes(type);
  if (counts && bounds.length === 0)
    throw ruleError(place(['condition']), `${type} needs a bound: one of ${operators.join(', ')} with a number`);
  if (type.startsWith('value_') && fields.length === 0)
    throw ruleError(place(['condition']), `${type} needs "field": whose values are counted`);
  if (negated.size > 0 && type !== 'temporal_ordered')
    throw ruleError(place(['rules']), `"not" says that nothing comes between: only temporal_ordered knows an order`);
  if (negated.has(0)) throw ruleError(place(['rules', 0]), 'a sequence begins with something that happens: drop "not"');
  if (!counts && rules.length - negated.size < 2) throw ruleError(place(['rules']), `${type} needs at least two rules`);
}
