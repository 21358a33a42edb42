// Correlations over all hosts of each tenant. Their time goes on only where the log says that everything of before has been heard, so that no host
// that is silent, late or wrong about the time moves it, and a replay of the log gives the same.
import type { finding, occurrence } from '@norn/contracts';
import { type CorrelationSet, type Correlator } from '@norn/rules';
import { Metric, count } from '@norn/telemetry';
import { countForgotten } from '../correlations/correlations.ts';
import { Gaps } from '../correlations/gaps.ts';
import { limits } from '../limits.ts';
import type { BroughtRules, BroughtRuleSet } from '../ports/brought-rules.port.ts';
import type { Correlated } from '../steps/envelope.ts';

interface TenantState {
  readonly correlators: Map<CorrelationSet, Correlator<finding.Finding>>;
  readonly gaps: Gaps;
}

export interface TenantCorrelated extends Correlated {
  /** Absent: the rule is one of Norn's own. */
  readonly brought?: BroughtRuleSet;
}

export class TenantCorrelations {
  /** In the order of their last record. */
  private readonly tenants = new Map<string, TenantState>();

  constructor(
    private readonly own: CorrelationSet,
    private readonly brought: BroughtRules,
    private readonly holdBackMs: number,
  ) {}

  get tenantCount(): number {
    return this.tenants.size;
  }

  /** Tenants of which something has come to its time, when everything of before has been heard. */
  dueAt(heardUntilMs: number): string[] {
    const untilMs = heardUntilMs - this.holdBackMs;
    const isDue = ({ correlators }: TenantState): boolean =>
      [...correlators.values()].some(({ nextMs }) => nextMs !== undefined && nextMs <= untilMs);
    return [...this.tenants].flatMap(([tenantId, state]) => (isDue(state) ? [tenantId] : []));
  }

  forget(belongs: (tenantId: string) => boolean): void {
    for (const tenantId of this.tenants.keys()) if (belongs(tenantId)) this.tenants.delete(tenantId);
  }

  /** What became true by this record. */
  take(tenantId: string, { what, sentUs }: occurrence.TenantRecord): TenantCorrelated[] {
    const state = this.stateOf(tenantId);
    if (what.case === 'gap') state.gaps.note([gapOf(what.value)]);
    if (what.case === 'occurrence') for (const each of state.correlators.values()) note(each, what.value, sentUs);
    return what.case === 'heardUntilUs' ? this.advance(tenantId, state, Number(what.value) / 1000) : [];
  }

  private advance(tenantId: string, { correlators, gaps }: TenantState, heardUntilMs: number): TenantCorrelated[] {
    const brought = this.brought.of(tenantId);
    return [...correlators].flatMap(([set, correlator]) => {
      const matches = correlator.advance(heardUntilMs);
      countForgotten(correlator);
      return matches.map((match) => ({
        match,
        eventsLost: gaps.eventsLost(match.fromMs, match.untilMs),
        ...(set === this.own || !brought ? {} : { brought }),
      }));
    });
  }

  private stateOf(tenantId: string): TenantState {
    const state = this.tenants.get(tenantId) ?? { correlators: new Map(), gaps: new Gaps(limits.tenants.gapsMax) };
    this.fit(state.correlators, this.setsOf(tenantId));
    this.tenants.delete(tenantId);
    this.tenants.set(tenantId, state);
    const [oldest = ''] = this.tenants.keys();
    if (this.tenants.size > limits.tenants.tenantsMax) {
      this.tenants.delete(oldest);
      count(Metric.CorrelationsForgotten, 1, { reason: 'tenants' });
    }
    return state;
  }

  private setsOf(tenantId: string): CorrelationSet[] {
    const brought = this.brought.of(tenantId)?.correlations;
    return [this.own, ...(brought ? [brought] : [])].filter((set) => set.has('tenant'));
  }

  /** Rules of a tenant that were changed begin anew. */
  private fit(correlators: TenantState['correlators'], sets: readonly CorrelationSet[]): void {
    for (const set of correlators.keys()) if (!sets.includes(set)) correlators.delete(set);
    const { groupsMax, waitingMax } = limits.tenants;
    const options = { holdBackMs: this.holdBackMs, groupsMax, waitingMax };
    for (const set of sets) if (!correlators.has(set)) correlators.set(set, set.createCorrelator('tenant', options));
  }
}

function note(correlator: Correlator<finding.Finding>, told: occurrence.Occurrence, sentUs: bigint): void {
  if (!told.about) return;
  const held = new Map(told.fields.map(({ field, value }) => [field, value]));
  const [timeMs, sentMs] = [Number(told.timeUs) / 1000, Number(sentUs) / 1000];
  const isAhead = timeMs > sentMs + limits.tenants.clockAheadMs;
  if (isAhead) count(Metric.CorrelationsForgotten, 1, { reason: 'clock_ahead' });
  correlator.take({
    timeMs: isAhead ? sentMs : timeMs,
    id: told.eventId,
    rule: told.rule,
    about: told.about,
    field: (name) => held.get(name),
  });
}

function gapOf({ fromUs, untilUs, events }: occurrence.HostGap) {
  return { fromMs: Number(fromUs) / 1000, untilMs: Number(untilUs) / 1000, events: Number(events) };
}
