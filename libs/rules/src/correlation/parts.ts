// How rules and the correlations of them hang together.
import type { CorrelationRule } from '../sigma/correlation.ts';
import { isCalled, type Rule } from '../sigma/rule.ts';

/** The correlation counts or awaits the rule's events, or is ended by them. */
export function isPartOf(rule: Rule, { rules, until }: CorrelationRule): boolean {
  return [...rules, ...until].some((asked) => isCalled(rule, asked));
}

/** Some correlation is about the rule, and none wants it to be told of on its own (`generate`), or it has no id to be told by. */
export function isPartOnly(rule: Rule, correlations: readonly CorrelationRule[]): boolean {
  const about = correlations.filter((correlation) => isPartOf(rule, correlation));
  return about.length > 0 && (rule.id === '' || about.every(({ generate }) => !generate));
}
