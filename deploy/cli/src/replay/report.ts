// What a replay found, gathered while it runs and put into an order that does not depend on how the events came.
import { toHex } from '@norn/base';
import { type BatchView, event, finding } from '@norn/contracts';
import { type Level, levels } from '@norn/rules';
import type { ArrivalCounters } from './input/arrival-window.ts';
import { linesTenant } from './input/batches.ts';
import type { InputFormat } from './input/open-file.ts';
import type { Detected, Refusal } from './stages.ts';

export type LevelCounts = Readonly<Record<Level, number>>;

export interface ReplayedFinding {
  readonly id: string;
  readonly workload: string;
  readonly level: Level;
  readonly source: 'rule' | 'reflex';
  readonly ruleId: string;
  readonly title: string;
  readonly summary: string;
  readonly time: string;
  readonly containerId: string;
  readonly processUid: string;
  readonly lineageUid: string;
  readonly techniques: readonly string[];
  readonly evidence: readonly { readonly field: string; readonly value: string }[];
}

export interface ReplayedAlert {
  readonly id: string;
  readonly workload: string;
  readonly level: Level;
  readonly title: string;
  readonly summary: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly containerId: string;
  /** Empty when no facts name it. */
  readonly containerName: string;
  readonly processName: string;
  readonly lineageUid: string;
  readonly techniques: readonly string[];
  /** Ids. */
  readonly findings: readonly string[];
  readonly findingsTotal: number;
}

export interface WorkloadReport {
  readonly events: number;
  /** GAP events, and how many events they say were lost. */
  readonly gaps: number;
  readonly lost: number;
  readonly findings: LevelCounts;
  readonly alerts: LevelCounts;
}

export interface ReplayReport {
  readonly file: string;
  readonly format: InputFormat;
  readonly rules: number;
  readonly events: number;
  /** By time, workload and id; at most `keptMax`. */
  readonly findings: readonly ReplayedFinding[];
  readonly alerts: readonly ReplayedAlert[];
  /** By name: a host of the recording. */
  readonly perWorkload: Readonly<Record<string, WorkloadReport>>;
  readonly arrivals: Readonly<ArrivalCounters>;
  /** Batches that a stage refused: how many, and the first of them. */
  readonly refused: { readonly total: number; readonly first: readonly Refusal[] };
  /** Findings and alerts found beyond `keptMax`: counted here, missing above. */
  readonly notKept: number;
}

/** Findings and alerts kept, each. */
const keptMax = 50_000;
const refusalsKeptMax = 20;

const levelOf: Readonly<Record<finding.Severity, Level>> = {
  [finding.Severity.UNSPECIFIED]: 'informational',
  [finding.Severity.INFORMATIONAL]: 'informational',
  [finding.Severity.LOW]: 'low',
  [finding.Severity.MEDIUM]: 'medium',
  [finding.Severity.HIGH]: 'high',
  [finding.Severity.CRITICAL]: 'critical',
};

interface EventCounts {
  events: number;
  gaps: number;
  lost: number;
}

export class ReportCollector {
  private readonly perWorkload = new Map<string, EventCounts>();
  private readonly findings = new Map<string, ReplayedFinding>();
  private readonly alerts = new Map<string, ReplayedAlert>();
  private readonly refusals: Refusal[] = [];
  private refusedTotal = 0;
  private notKept = 0;

  get eventCount(): number {
    let events = 0;
    for (const counts of this.perWorkload.values()) events += counts.events;
    return events;
  }

  take({ record, batch, findings, alerts }: Detected): void {
    const workload = workloadOf(record.key);
    const counts = this.perWorkload.get(workload) ?? { events: 0, gaps: 0, lost: 0 };
    this.perWorkload.set(workload, counts);
    if (batch) countEvents(batch, counts);
    // One that joined no alert is told again with every batch that shows it.
    for (const each of findings)
      if (!this.findings.has(each.id)) this.keep(this.findings, each.id, shownFinding(workload, each));
    // The newest version.
    for (const each of alerts) this.keep(this.alerts, each.id, shownAlert(workload, each));
  }

  refuse(refusal: Refusal): void {
    this.refusedTotal += 1;
    if (this.refusals.length < refusalsKeptMax) this.refusals.push(refusal);
  }

  finish(about: Pick<ReplayReport, 'file' | 'format' | 'rules' | 'arrivals'>): ReplayReport {
    const findings = [...this.findings.values()].sort((a, b) => compare(keyOf(a.time, a), keyOf(b.time, b)));
    const alerts = [...this.alerts.values()].sort((a, b) => compare(keyOf(a.createdAt, a), keyOf(b.createdAt, b)));
    const names = [...this.perWorkload.keys()].sort(compare);
    return {
      ...about,
      events: this.eventCount,
      findings,
      alerts,
      perWorkload: Object.fromEntries(
        names.map((name) => {
          const ofIt = ({ workload }: { workload: string }): boolean => workload === name;
          const counts = this.perWorkload.get(name) ?? { events: 0, gaps: 0, lost: 0 };
          return [
            name,
            { ...counts, findings: countLevels(findings.filter(ofIt)), alerts: countLevels(alerts.filter(ofIt)) },
          ];
        }),
      ),
      refused: { total: this.refusedTotal, first: this.refusals },
      notKept: this.notKept,
    };
  }

  private keep<T>(kept: Map<string, T>, id: string, one: T): void {
    if (kept.size >= keptMax && !kept.has(id)) this.notKept += 1;
    else kept.set(id, one);
  }
}

/** How many there are of each level. */
export function countLevels(found: readonly { readonly level: Level }[]): LevelCounts {
  const counts = Object.fromEntries(levels.map((level) => [level, 0])) as Record<Level, number>;
  for (const { level } of found) counts[level] += 1;
  return counts;
}

/** A file of lines has one tenant, which says nothing. */
function workloadOf(hostKey: string): string {
  return hostKey.startsWith(`${linesTenant}:`) ? hostKey.slice(linesTenant.length + 1) : hostKey;
}

function countEvents({ columns: { kind, value } }: BatchView, counts: EventCounts): void {
  for (let row = 0; row < kind.length; row += 1) {
    if (kind[row] === event.EventKind.GAP) {
      counts.gaps += 1;
      counts.lost += Number(value[row] ?? 0n);
    } else {
      counts.events += 1;
    }
  }
}

function shownFinding(workload: string, each: finding.Finding): ReplayedFinding {
  return {
    id: each.id,
    workload,
    level: levelOf[each.severity],
    source: each.source === finding.FindingSource.REFLEX ? 'reflex' : 'rule',
    ruleId: each.ruleId,
    title: each.title,
    summary: each.summary || each.title,
    time: timeOf(each.timeUs),
    containerId: each.containerId,
    processUid: toHex(each.processUid),
    lineageUid: toHex(each.lineageUid),
    techniques: each.techniques,
    evidence: each.evidence.map(({ field, value }) => ({ field, value })),
  };
}

function shownAlert(workload: string, alert: finding.Alert): ReplayedAlert {
  return {
    id: alert.id,
    workload,
    level: levelOf[alert.severity],
    title: alert.title,
    summary: alert.summary,
    createdAt: timeOf(alert.createdAtUs),
    updatedAt: timeOf(alert.updatedAtUs),
    containerId: alert.containerId,
    containerName: alert.containerName,
    processName: alert.processName,
    lineageUid: toHex(alert.lineageUid),
    techniques: alert.techniques,
    findings: alert.findings.map(({ id }) => id),
    findingsTotal: alert.findingsTotal,
  };
}

/** With microseconds, so that the text sorts as the time does. */
function timeOf(timeUs: bigint): string {
  const iso = new Date(Number(timeUs / 1000n)).toISOString();
  return `${iso.slice(0, -1)}${String(timeUs % 1000n).padStart(3, '0')}Z`;
}

function keyOf(time: string, { workload, id }: { workload: string; id: string }): string {
  return `${time} ${workload} ${id}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
