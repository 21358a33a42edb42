// The alerts that may still grow, by host. Everything in it can be read back from the alerts topic: after a restart it is the same.
import { toHex } from '@norn/base';
import { isReplayed } from '@norn/bus';
import { finding } from '@norn/contracts';
import { Metric, count } from '@norn/telemetry';
import { limits } from '../limits.ts';
import { isBelow } from '../steps/batch-processes.ts';
import type { BatchFindings } from '../steps/envelope.ts';
import { addContainerFact, addFinding, hasPlaceFor, nameIn, openAlert } from './alert-content.ts';
import { isAboutAgent, isOfLineage } from './same-attack.ts';

export interface BookChange {
  readonly findings: readonly finding.Finding[];
  readonly alerts: readonly finding.Alert[];
}

export class AlertBook {
  /** By `tenant:host`; hosts in the order of their last alert. */
  private readonly hosts = new Map<string, finding.Alert[]>();

  constructor(private readonly windowUs: bigint) {}

  get hostCount(): number {
    return this.hosts.size;
  }

  /** Takes an alert as it was written before; of one id the highest version stays. */
  load(alert: finding.Alert): void {
    const key = `${alert.tenantId}:${alert.hostId}`;
    const others = (this.hosts.get(key) ?? []).filter((each) => each.id !== alert.id || each.version > alert.version);
    this.keep(key, others.some((each) => each.id === alert.id) ? others : [...others, alert]);
  }

  /** Forgets the hosts of a partition whose state will be read back. */
  forget(belongs: (hostKey: string) => boolean): void {
    for (const key of this.hosts.keys()) if (belongs(key)) this.hosts.delete(key);
  }

  apply(envelope: BatchFindings): BookChange {
    const key = envelope.record.key;
    // What correlations tell of may be older than the batch that completed it.
    const times = envelope.findings.map(({ timeUs }) => timeUs);
    const fromUs = times.reduce((first, time) => (time < first ? time : first), BigInt(envelope.batch.baseTimeUs));
    const growing = (this.hosts.get(key) ?? []).filter((alert) => this.reaches(alert, fromUs));
    const round = new Round(envelope, growing, this.windowUs);
    for (const each of envelope.findings) round.take(each);
    round.amend();
    const alerts = round.changed();
    this.keep(key, round.alerts);
    return { findings: round.fresh, alerts };
  }

  private reaches(alert: finding.Alert, timeUs: bigint): boolean {
    return alert.updatedAtUs + this.windowUs >= timeUs;
  }

  private keep(key: string, alerts: readonly finding.Alert[]): void {
    this.hosts.delete(key);
    if (alerts.length === 0) return;
    const kept = [...alerts].sort(byAge).slice(-limits.alertsPerHostMax);
    if (kept.length < alerts.length) count(Metric.AlertsForgotten, alerts.length - kept.length, { reason: 'per_host' });
    this.hosts.set(key, kept);
    if (this.hosts.size <= limits.hostsMax) return;
    const [oldest = ''] = this.hosts.keys();
    this.hosts.delete(oldest);
    count(Metric.AlertsForgotten, 1, { reason: 'hosts' });
  }
}

/** Oldest first; ids decide between equals, so that a replay chooses the same. */
function byAge(a: finding.Alert, b: finding.Alert): number {
  if (a.createdAtUs !== b.createdAtUs) return a.createdAtUs < b.createdAtUs ? -1 : 1;
  return a.id < b.id ? -1 : 1;
}

/** One batch against one host's alerts. Alerts are replaced, never changed in place. */
class Round {
  alerts: finding.Alert[];
  readonly fresh: finding.Finding[] = [];
  private readonly before: ReadonlyMap<string, finding.Alert>;

  constructor(
    private readonly envelope: BatchFindings,
    growing: readonly finding.Alert[],
    private readonly windowUs: bigint,
  ) {
    this.alerts = [...growing];
    this.before = new Map(growing.map((alert) => [alert.id, alert]));
  }

  take(each: finding.Finding): void {
    if (this.alerts.some((alert) => alert.findings.some((known) => known.id === each.id))) return;
    // An attack with more to answer than an alert lists goes on in a further one.
    const at = this.alerts.findIndex((alert) => this.isSameAttack(alert, each) && hasPlaceFor(alert, each));
    const alert = this.alerts[at];
    if (alert && this.wasApplied(alert)) return;
    this.fresh.push(each);
    const nameOf = nameIn(this.envelope.batch);
    if (alert) this.alerts[at] = addFinding(alert, each, nameOf);
    else if (opensAlert(each)) this.alerts = [...this.alerts, openAlert(each, nameOf)].sort(byAge);
  }

  /** Containers that the runtime named only after the alert was opened. */
  amend(): void {
    if (!this.alerts.some((alert) => alert.containerId !== '' && alert.containerName === '')) return;
    const facts = this.envelope.batch.enrichment?.containers ?? [];
    this.alerts = this.alerts.map((alert) => addContainerFact(alert, facts));
  }

  /** Those that are not as they were, one version later, marked with this batch. */
  changed(): finding.Alert[] {
    const { streamId, batchSeq } = this.envelope.batch;
    const changed: finding.Alert[] = [];
    this.alerts = this.alerts.map((alert) => {
      const before = this.before.get(alert.id);
      if (before === alert) return alert;
      const version = (before?.version ?? 0) + 1;
      const isBehind = isReplayed(this.envelope.record) && before !== undefined;
      const last = isBehind ? {} : { lastStreamId: streamId.slice(), lastBatchSeq: BigInt(batchSeq) };
      const next = { ...alert, version, ...last };
      changed.push(next);
      return next;
    });
    return changed;
  }

  /** The batch came again, and what it had to say to this alert is in it. */
  private wasApplied(alert: finding.Alert): boolean {
    if (isReplayed(this.envelope.record)) return false;
    const before = this.before.get(alert.id);
    if (!before || toHex(before.lastStreamId) !== this.envelope.batch.streamIdHex) return false;
    return BigInt(this.envelope.batch.batchSeq) <= before.lastBatchSeq;
  }

  private isSameAttack(alert: finding.Alert, each: finding.Finding): boolean {
    if (alert.containerId !== each.containerId || isAboutAgent(alert.findings[0]) !== isAboutAgent(each)) return false;
    const early = each.timeUs + this.windowUs < alert.createdAtUs;
    const late = each.timeUs > alert.updatedAtUs + this.windowUs;
    return !early && !late && (isOfLineage(alert, each) || this.isRelated(alert, each));
  }

  private isRelated(alert: finding.Alert, each: finding.Finding): boolean {
    const { batch } = this.envelope;
    return alert.findings.some(
      (known) => isBelow(batch, each.processUid, known.scopeUid) || isBelow(batch, known.processUid, each.scopeUid),
    );
  }
}

/** What says little joins an alert; only a reflex or a medium finding opens one. */
export function opensAlert(each: finding.Finding): boolean {
  return each.source === finding.FindingSource.REFLEX || each.severity >= finding.Severity.MEDIUM;
}
