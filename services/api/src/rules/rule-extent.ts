// How much of a rule, a filter, or what a correlation is made of the sensor sees.
import { type AnyRule, type Rule, type RuleCoverage, asRule, coverageOf, isPartOf } from '@norn/rules';

export type Extent = Pick<RuleCoverage, 'extent' | 'lacks'>;

/** `known` are the rules that a correlation may be about. */
export function extentOf(rule: AnyRule, known: readonly Rule[]): Extent {
  if (rule.kind !== 'correlation') {
    const { extent, lacks } = coverageOf(rule.kind === 'filter' ? asRule(rule) : rule);
    return { extent, lacks };
  }
  return together(known.filter((each) => isPartOf(each, rule)).map((each) => coverageOf(each)));
}

/** A correlation runs as far as its parts do. */
export function together(parts: readonly Extent[]): Extent {
  const lacks = parts.flatMap((each) => each.lacks);
  if (parts.every(({ extent }) => extent === 'whole')) return { extent: 'whole', lacks };
  return { extent: parts.every(({ extent }) => extent === 'none') ? 'none' : 'part', lacks };
}
