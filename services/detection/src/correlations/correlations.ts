// Correlations of each host by itself, by event time. What is known of a host follows from its batches alone: it is read back after a restart.
import type { finding } from '@norn/contracts';
import { Correlator, type Rule, type RuleSet, isPartOnly } from '@norn/rules';
import { Metric, count } from '@norn/telemetry';
import { limits } from '../limits.ts';
import type { Correlated, JudgedBatch } from '../steps/envelope.ts';
import { Gaps } from './gaps.ts';
import { latestMs, occurrencesOf } from './occurrences.ts';

interface HostState {
  readonly correlator: Correlator<finding.Finding>;
  readonly gaps: Gaps;
  latestMs: number;
}

export class Correlations {
  /** By `tenant:host`; hosts in the order of their last batch. */
  private readonly hosts = new Map<string, HostState>();
  private readonly names: ReadonlySet<string>;
  /** Ids and names that correlations ask for. */
  private readonly awaited: ReadonlySet<string | undefined>;
  private readonly partsOnly: ReadonlySet<Rule>;
  /** Of all correlations the longest time, ms. */
  readonly spanMs: number;

  /** Throws `rule_invalid` for a correlation of rules that are not there. */
  constructor(
    private readonly ruleSet: RuleSet,
    private readonly holdBackMs: number,
  ) {
    const { rules, correlations } = ruleSet;
    this.names = new Set(rules.flatMap(({ id, name }) => [id, name ?? '']));
    this.awaited = new Set(correlations.flatMap((each) => [...each.rules, ...each.until]));
    this.partsOnly = new Set(rules.filter((rule) => isPartOnly(rule, correlations)));
    this.spanMs = correlations.reduce((longest, { timespanMs }) => Math.max(longest, timespanMs), 0);
    this.createCorrelator();
  }

  get hostCount(): number {
    return this.hosts.size;
  }

  isPartOnly(rule: Rule): boolean {
    return this.partsOnly.has(rule);
  }

  /** Forgets the hosts of a partition whose batches will be read back. */
  forget(belongs: (hostKey: string) => boolean): void {
    for (const key of this.hosts.keys()) if (belongs(key)) this.hosts.delete(key);
  }

  /** What became true by this batch: of events that came before the time that is held back. */
  apply(envelope: JudgedBatch): Correlated[] {
    const state = this.stateOf(envelope);
    if (!state) return [];
    const { correlator, gaps } = state;
    gaps.note(envelope.batch);
    for (const occurrence of occurrencesOf(envelope, correlator)) correlator.take(occurrence);
    const matches = correlator.advance(state.latestMs);
    countForgotten(correlator);
    return matches.map((match) => ({ match, eventsLost: gaps.eventsLost(match.fromMs, match.untilMs) }));
  }

  /** Undefined for a host of which nothing is awaited yet. */
  private stateOf(envelope: JudgedBatch): HostState | undefined {
    const { key } = envelope.record;
    const nowMs = latestMs(envelope.batch);
    let state = this.hosts.get(key);
    if (state && nowMs < state.latestMs - limits.clockStepMs) state = undefined;
    if (!state && !envelope.matches.some(({ rule }) => this.awaited.has(rule.id) || this.awaited.has(rule.name)))
      return undefined;
    state ??= { correlator: this.createCorrelator(), gaps: new Gaps(), latestMs: nowMs };
    state.latestMs = Math.max(state.latestMs, nowMs);
    this.keep(key, state);
    return state;
  }

  private createCorrelator(): Correlator<finding.Finding> {
    const options = { holdBackMs: this.holdBackMs, groupsMax: limits.correlations.groupsPerHostMax };
    return new Correlator(this.ruleSet.correlations, this.names, options);
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

function countForgotten({ counters }: Correlator): void {
  if (counters.late > 0) count(Metric.CorrelationsForgotten, counters.late, { reason: 'late' });
  if (counters.groupsDropped > 0) count(Metric.CorrelationsForgotten, counters.groupsDropped, { reason: 'groups' });
  Object.assign(counters, { late: 0, repeated: 0, groupsDropped: 0 });
}
