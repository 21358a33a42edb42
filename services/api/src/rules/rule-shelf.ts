// The rules of a tenant: Norn's own and those it brought along.
import { Injectable } from '@nestjs/common';
import { type AnyRule, type Rule, type RuleSet, coverageOf, isPartOf, readBrought } from '@norn/rules';
import { type ImportedRule, importedRules } from '@norn/store';
import { DataSource } from 'typeorm';
import { RulePack } from '../model/rule-pack.ts';
import type { ShownRule } from './rules.view.ts';
import { type Extent, extentOf, together } from './rule-extent.ts';

/** Texts of rules whose coverage is remembered. */
const REMEMBERED_MAX = 10_000;

type Shown = Pick<ShownRule, 'rule' | 'extent' | 'lacks'>;

@Injectable()
export class RuleShelf {
  private own: readonly Shown[] | undefined;
  /** Of rules and filters; what a correlation sees depends on others. */
  private readonly remembered = new Map<string, { readonly rule: AnyRule; readonly extent: Extent | undefined }>();

  constructor(
    private readonly database: DataSource,
    private readonly rulePack: RulePack,
  ) {}

  async rulesOf(tenantId: string): Promise<ShownRule[]> {
    const rows = await importedRules(this.database, tenantId);
    const read = rows.map((row) => ({ row, ...this.read(row) }));
    const known = read.flatMap(({ rule, row }) => (rule.kind === 'detection' ? [{ ...rule, id: row.ruleId }] : []));
    const parts = [...known, ...this.rulePack.ruleSet.rules];
    return [
      ...this.pack().map((each) => ({ ...each, id: each.rule.id, origin: 'norn' as const, state: 'alert' as const })),
      ...read.map(({ row, rule, extent }) => ({
        rule,
        ...(extent ?? extentOf(rule, parts)),
        id: row.ruleId,
        origin: 'imported' as const,
        state: row.state,
      })),
    ];
  }

  private pack(): readonly Shown[] {
    return (this.own ??= readOwn(this.rulePack.ruleSet));
  }

  private read(row: ImportedRule): { readonly rule: AnyRule; readonly extent: Extent | undefined } {
    const known = this.remembered.get(row.body);
    if (known) return known;
    const rule = readBrought(row);
    const one = { rule, extent: rule.kind === 'correlation' ? undefined : extentOf(rule, []) };
    if (this.remembered.size >= REMEMBERED_MAX) this.remembered.clear();
    this.remembered.set(row.body, one);
    return one;
  }
}

/** Parts alone, without an id, are nothing by themselves. */
function readOwn({ rules, correlations }: RuleSet): Shown[] {
  const coverages = rules.map((rule: Rule) => coverageOf(rule));
  return [
    ...coverages.filter(({ rule }) => rule.id !== ''),
    ...correlations.map((rule) => ({ rule, ...together(coverages.filter((each) => isPartOf(each.rule, rule))) })),
  ];
}
