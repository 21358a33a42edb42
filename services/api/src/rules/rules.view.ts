// Rules as people see them: what they find, and what the sensor sees of it.
import { create } from '@bufbuild/protobuf';
import { view } from '@norn/contracts';
import { type AnyRule, type RuleCoverage, blindSpots } from '@norn/rules';
import type { RuleFigures } from './rule-figures.ts';

export interface ShownRule extends Omit<RuleCoverage, 'rule'> {
  readonly rule: AnyRule;
  /** Of an imported rule that has none of its own, the id it was given. */
  readonly id: string;
  readonly origin: 'norn' | 'imported';
  readonly state: 'alert' | 'observe' | 'off';
}

export function ruleList(shown: readonly ShownRule[], figures: RuleFigures): view.RuleList {
  return create(view.RuleListSchema, {
    rules: shown.map((each) => ruleView(each, figures)),
    findingsUnavailable: figures.findingsUnavailable,
    blindSpots: blindSpots(shown.flatMap(detection)).map(({ rules, ...spot }) => ({
      ...spot,
      rules: rules.map(({ title }) => title),
    })),
    summary: summaryOf(shown),
  });
}

/** Blind spots are those of single events. */
function detection({ rule, extent, lacks }: ShownRule): RuleCoverage[] {
  return rule.kind === 'detection' ? [{ rule, extent, lacks }] : [];
}

function ruleView({ id, rule, origin, state, extent, lacks }: ShownRule, figures: RuleFigures): view.RuleView {
  const us = figures.usPer1000Events(origin, id);
  const { title, description, kind } = rule;
  const found = rule.kind === 'filter' ? undefined : rule;
  return create(view.RuleViewSchema, {
    id,
    title,
    kind: kind === 'detection' ? 'rule' : kind,
    level: found?.level ?? '',
    techniques: [...(found?.techniques ?? [])],
    version: found?.version ?? 1,
    description: description.trim(),
    author: origin === 'imported' ? (rule.author ?? '') : '',
    origin,
    state,
    extent,
    lacks: lacks.map(({ what }) => what),
    usPer1000Events: Math.round(us * 10) / 10,
    overBudget: figures.isOverBudget(us),
    findings: figures.findingsOf(id),
  });
}

function summaryOf(shown: readonly ShownRule[]): string {
  const count = (has: (rule: ShownRule) => boolean): number => shown.filter(has).length;
  const on = shown.filter(({ state }) => state !== 'off');
  const whole = on.filter(({ extent }) => extent === 'whole').length;
  const parts = [
    `${whole} of ${shown.length} rules run wholly`,
    ...some(
      count(({ extent }) => extent === 'part'),
      'in part',
    ),
    ...some(
      count(({ extent }) => extent === 'none'),
      'blind here',
    ),
    ...some(
      count(({ state }) => state === 'observe'),
      'only observing',
    ),
    ...some(
      count(({ state }) => state === 'off'),
      'off',
    ),
  ];
  return parts.join(', ');
}

function some(count: number, what: string): string[] {
  return count > 0 ? [`${count} ${what}`] : [];
}
