// The rules that tenants brought along, out of the control plane.
import { type ImportedRule, importedRulesMark, runningRules } from '@norn/store';
import type { Rule } from '@norn/rules';
import { createLogger } from '@norn/telemetry';
import type { DataSource } from 'typeorm';
import type { BroughtRuleSet, BroughtRules } from '../ports/brought-rules.port.ts';
import { broughtRuleSet } from './brought-rule-set.ts';
import type { ControlPlane } from './control-plane.ts';
import { ControlPoll } from './control-poll.ts';

interface TenantSet {
  /** What its rows were when it was made. */
  readonly mark: string;
  readonly set: BroughtRuleSet | undefined;
}

export class PostgresBroughtRules implements BroughtRules {
  private readonly log = createLogger('detection');
  private readonly poll: ControlPoll;
  private sets = new Map<string, TenantSet>();

  /** `others` are Norn's own rules. */
  constructor(
    control: ControlPlane,
    private readonly others: readonly Rule[],
  ) {
    this.poll = new ControlPoll(control, {
      name: "Tenants' rules",
      awayCode: 'brought_rules_away',
      mark: importedRulesMark,
      read: (source) => this.read(source),
    });
  }

  /** Resolves when the rules are there, or the control plane is found to be away. */
  open(): Promise<void> {
    return this.poll.open();
  }

  of(tenantId: string): BroughtRuleSet | undefined {
    return this.sets.get(tenantId)?.set;
  }

  /** Of all tenants' correlations the longest time, ms. */
  get spanMs(): number {
    const spans = [...this.sets.values()].map(({ set }) => set?.correlations?.spanMs ?? 0);
    return spans.reduce((longest, span) => Math.max(longest, span), 0);
  }

  close(): Promise<void> {
    return this.poll.close();
  }

  private async read(source: DataSource): Promise<void> {
    const byTenant = Map.groupBy(await runningRules(source), ({ tenantId }) => tenantId);
    this.sets = new Map([...byTenant].map(([tenantId, rows]) => [tenantId, this.setOf(tenantId, rows)]));
  }

  private setOf(tenantId: string, rows: readonly ImportedRule[]): TenantSet {
    const mark = rows.map(({ ruleId, state, updatedAt }) => `${ruleId} ${state} ${updatedAt.getTime()}`).join();
    const known = this.sets.get(tenantId);
    if (known?.mark === mark) return known;
    const set = broughtRuleSet(rows, this.others, (ruleId, why) => {
      this.log.warn({ code: 'brought_rule_refused', tenantId, ruleId }, `A tenant's rule is left out: ${why}`);
    });
    return { mark, set };
  }
}
