// The rules of a tenant: Norn's own and those it brought along.
import { Injectable } from '@nestjs/common';
import { type CorrelationRule, type RuleCoverage, type RuleSet, coverageOf, parseRule, isPartOf } from '@norn/rules';
import { type ImportedRule, importedRules } from '@norn/store';
import { DataSource } from 'typeorm';
import { RulePack } from '../adapters/rule-pack.ts';
import type { ShownRule } from '../views/rule-view.ts';

/** Texts of rules whose coverage is remembered. */
const REMEMBERED_MAX = 10_000;

@Injectable()
export class RuleShelf {
  private own: readonly Shown[] | undefined;
  private readonly remembered = new Map<string, RuleCoverage>();

  constructor(
    private readonly database: DataSource,
    private readonly rulePack: RulePack,
  ) {}

  async rulesOf(tenantId: string): Promise<ShownRule[]> {
    const imported = await importedRules(this.database, tenantId);
    return [
      ...this.pack().map((each) => ({ ...each, id: each.rule.id, origin: 'norn' as const, state: 'alert' as const })),
      ...imported.map((row) => ({
        ...this.coverage(row),
        id: row.ruleId,
        origin: 'imported' as const,
        state: row.state,
      })),
    ];
  }

  /** Whether the id is one of Norn's own rules. */
  isOwn(id: string): boolean {
    return this.pack().some(({ rule }) => rule.id === id);
  }

  private pack(): readonly Shown[] {
    return (this.own ??= readOwn(this.rulePack.ruleSet));
  }

  private coverage({ file, body }: ImportedRule): RuleCoverage {
    const known = this.remembered.get(body);
    if (known) return known;
    const coverage = coverageOf(parseRule(file, body));
    if (this.remembered.size >= REMEMBERED_MAX) this.remembered.clear();
    this.remembered.set(body, coverage);
    return coverage;
  }
}

type Shown = Pick<ShownRule, 'rule' | 'extent' | 'lacks'>;

/** A correlation runs as far as its parts do. Parts alone, without an id, are nothing by themselves. */
function readOwn({ rules, correlations }: RuleSet): Shown[] {
  const coverages = rules.map((rule) => coverageOf(rule));
  const ofSequence = (rule: CorrelationRule): Shown => {
    const parts = coverages.filter((each) => isPartOf(each.rule, rule));
    const isWhole = parts.every(({ extent }) => extent === 'whole');
    return { rule, extent: isWhole ? 'whole' : 'part', lacks: parts.flatMap(({ lacks }) => lacks) };
  };
  return [...coverages.filter(({ rule }) => rule.id !== ''), ...correlations.map(ofSequence)];
}
