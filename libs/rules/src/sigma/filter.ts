// Sigma's filters: conditions that are added to other rules, so that one change quietens many.
import { z } from 'zod';
import { ruleError, type RuleDocument } from './document.ts';
import {
  about,
  detectionOf,
  isCalled,
  logSource,
  toDetection,
  type Detection,
  type LogSource,
  type Rule,
} from './rule.ts';

const schema = z.object({
  ...about,
  logsource: logSource,
  filter: detectionOf.safeExtend({ rules: z.union([z.literal('any'), z.array(z.string()).min(1)]).default('any') }),
});

export interface Filter {
  readonly kind: 'filter';
  readonly file: string;
  /** Empty when the file gives none. */
  readonly id: string;
  readonly title: string;
  readonly author: string | undefined;
  readonly description: string;
  readonly logsource: LogSource;
  /** Ids or names. */
  readonly rules: 'any' | readonly string[];
  readonly detection: Detection;
}

export function filterRule(document: RuleDocument): Filter {
  const { id = '', title, author, description, logsource, filter } = document.parse(schema);
  const { rules, ...detection } = filter;
  return {
    kind: 'filter',
    file: document.file,
    id,
    title,
    author,
    description,
    logsource,
    rules,
    detection: toDetection(document, 'filter', detection),
  };
}

/** Throws `rule_invalid` for a filter whose rule is not there. */
export function applyFilters(rules: readonly Rule[], filters: readonly Filter[]): Rule[] {
  for (const filter of filters) refuseMissing(filter, rules);
  return rules.map((rule) => filtered(rule, filters));
}

/** The rule with those of the filters that are meant for it. */
export function filtered(rule: Rule, filters: readonly Filter[]): Rule {
  return { ...rule, filters: filters.filter((filter) => isMeant(filter, rule)).map(({ detection }) => detection) };
}

/** Throws `rule_invalid` for a rule that is named and not there. */
export function refuseMissing(filter: Filter, rules: readonly Rule[]): void {
  if (filter.rules === 'any') return;
  const missing = filter.rules.find((asked) => !rules.some((rule) => isCalled(rule, asked)));
  if (missing !== undefined)
    throw ruleError(filter.detection.place(['rules']), `no rule has the id or name "${missing}": correct or remove it`);
}

function isMeant({ rules, logsource }: Filter, rule: Rule): boolean {
  const fits = (['product', 'category', 'service'] as const).every(
    (part) => logsource[part] === undefined || logsource[part] === rule.logsource[part],
  );
  return fits && (rules === 'any' || rules.some((asked) => isCalled(rule, asked)));
}
