// Correlations of each host by itself, by event time. What is known of a host follows from its batches alone: it is read back after a restart.
import type { finding } from '@norn/contracts';
import type { CorrelationSet, Correlator, Rule } from '@norn/rules';
import { Metric, count } from '@norn/telemetry';
import { limits } from '../limits.ts';
import type { Correlated, JudgedBatch } from '../steps/envelope.ts';
import { type Gap, Gaps } from './gaps.ts';
import { latestMs, occurrenceOf } from './occurrences.ts';

interface HostState {
  readonly correlators: Map<CorrelationSet, Correlator<finding.Finding>>;
  readonly gaps: Gaps;
  latestMs: number;
}

export class Correlations {
  /** By `tenant:host`; hosts in the order of their last batch. */
  private readonly hosts = new Map<string, HostState>();

  constructor(
    private readonly own: CorrelationSet,
    private readonly holdBackMs: number,
  ) {}

  get spanMs(): number {
    return this.own.spanMs;
  }

  get hostCount(): number {
    return this.hosts.size;
  }

  /** Norn's own, and those that the tenant brought along. */
  setsOf({ brought }: Pick<JudgedBatch, 'brought'>): readonly CorrelationSet[] {
    return brought?.correlations ? [this.own, brought.correlations] : [this.own];
  }

  isPartOnly(rule: Rule, envelope: JudgedBatch): boolean {
    return this.setsOf(envelope).some((set) => set.isPartOnly(rule));
  }

  /** Forgets the hosts of a partition whose batches will be read back. */
  forget(belongs: (hostKey: string) => boolean): void {
    for (const key of this.hosts.keys()) if (belongs(key)) this.hosts.delete(key);
  }

  /** What became true by this batch: of events that came before the time that is held back. */
  apply(envelope: JudgedBatch, gaps: readonly Gap[]): Correlated[] {
    const sets = this.setsOf(envelope);
    const state = this.stateOf(envelope, sets);
    if (!state) return [];
    state.gaps.note(gaps);
    return sets.flatMap((set) => this.applySet(envelope, set, state));
  }

  private applySet(
    envelope: JudgedBatch,
    set: CorrelationSet,
    { correlators, gaps, latestMs }: HostState,
  ): Correlated[] {
    const correlator = correlators.get(set);
    if (!correlator) return [];
    for (const match of envelope.matches) {
      for (const name of set.namesAwaited(match.rule, 'host')) correlator.take(occurrenceOf(envelope, match, name));
    }
    const matches = correlator.advance(latestMs);
    countForgotten(correlator);
    return matches.map((match) => ({ match, eventsLost: gaps.eventsLost(match.fromMs, match.untilMs) }));
  }

  /** Undefined for a host of which nothing is awaited yet. */
  private stateOf(envelope: JudgedBatch, sets: readonly CorrelationSet[]): HostState | undefined {
    const { key } = envelope.record;
    const nowMs = latestMs(envelope.batch);
    let state = this.hosts.get(key);
    if (state && nowMs < state.latestMs - limits.clockStepMs) state = undefined;
    const isAwaited = (set: CorrelationSet): boolean =>
      envelope.matches.some(({ rule }) => set.namesAwaited(rule, 'host').length > 0);
    if (!state && !sets.some(isAwaited)) return undefined;
    state ??= { correlators: new Map(), gaps: new Gaps(), latestMs: nowMs };
    state.latestMs = Math.max(state.latestMs, nowMs);
    this.fit(state.correlators, sets);
    this.keep(key, state);
    return state;
  }

  /** Rules of a tenant that were changed begin anew. */
  private fit(correlators: HostState['correlators'], sets: readonly CorrelationSet[]): void {
    for (const set of correlators.keys()) if (!sets.includes(set)) correlators.delete(set);
    const options = { holdBackMs: this.holdBackMs, groupsMax: limits.correlations.groupsPerHostMax };
    for (const set of sets) {
      if (!correlators.has(set) && set.has('host')) correlators.set(set, set.createCorrelator('host', options));
    }
  }

  private keep(key: string, state: HostState): void {
    this.hosts.delete(key);
    this.hosts.set(key, state);
    if (this.hosts.size <= limits.correlations.hostsMax) return;
    const [oldest = ''] = this.hosts.keys();
    this.hosts.delete(oldest);
    count(Metric.CorrelationsForgotten, 1, { reason: 'hosts' });
  }
}

export function countForgotten({ counters }: Correlator): void {
  const { late, groupsDropped, waitingRefused } = counters;
  if (late > 0) count(Metric.CorrelationsForgotten, late, { reason: 'late' });
  if (groupsDropped > 0) count(Metric.CorrelationsForgotten, groupsDropped, { reason: 'groups' });
  if (waitingRefused > 0) count(Metric.CorrelationsForgotten, waitingRefused, { reason: 'waiting' });
  Object.assign(counters, { late: 0, repeated: 0, groupsDropped: 0, waitingRefused: 0 });
}
