// A replay's report for people: a line a workload, a sentence an alert, and whatever must not be overlooked.
import { levels } from '@norn/rules';
import { columns } from '../print/columns.ts';
import { type LevelCounts, type ReplayReport, type ReplayedAlert, type WorkloadReport, countLevels } from './report.ts';

const alertsShownMax = 100;
const summaryMax = 300;
const worstFirst = [...levels].reverse();

export function reportText(report: ReplayReport): string {
  const { alerts } = report;
  const shown = [...alerts]
    .sort((a, b) => worstFirst.indexOf(a.level) - worstFirst.indexOf(b.level))
    .slice(0, alertsShownMax);
  return [
    workloadTable(report),
    '',
    alerts.length === 0 ? 'No alerts' : 'Alerts',
    ...shown.map(alertSentence),
    ...(alerts.length > shown.length ? [`… and ${alerts.length - shown.length} more: see --json`] : []),
    ...remarks(report),
  ].join('\n');
}

function workloadTable({ perWorkload, events, findings, alerts }: ReplayReport): string {
  const workloads = Object.entries(perWorkload);
  const sum = (of: (each: WorkloadReport) => number): number => workloads.reduce((all, [, each]) => all + of(each), 0);
  const total = {
    events,
    gaps: sum(({ gaps }) => gaps),
    lost: sum(({ lost }) => lost),
    findings: countLevels(findings),
    alerts: countLevels(alerts),
  };
  const rows = [...workloads, ['all', total] as const].map(([name, each]) => [
    name,
    each.events.toLocaleString('en'),
    each.gaps > 0 ? each.gaps.toLocaleString('en') : '–',
    each.gaps > 0 ? each.lost.toLocaleString('en') : '–',
    levelText(each.findings),
    levelText(each.alerts),
  ]);
  return columns([['WORKLOAD', 'EVENTS', 'GAPS', 'LOST', 'FINDINGS', 'ALERTS'], ...rows]);
}

/** "1 high, 3 low", or "–". */
function levelText(counts: LevelCounts): string {
  const parts = worstFirst.filter((level) => counts[level] > 0).map((level) => `${counts[level]} ${level}`);
  return parts.join(', ') || '–';
}

function alertSentence(alert: ReplayedAlert): string {
  const { level, title, summary, findingsTotal, id } = alert;
  const findings = findingsTotal === 1 ? '1 finding' : `${findingsTotal} findings`;
  return `  ${level.padEnd(8)}  ${placeOf(alert)}: ${title}: ${oneLine(summary)} (${findings}, ${id.slice(0, 12)})`;
}

/** An attacker chose the words: they neither break the line nor steer the terminal. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ').slice(0, summaryMax);
}

function placeOf({ workload, containerId, containerName }: ReplayedAlert): string {
  return containerId === '' ? workload : `${workload}, container ${containerName || containerId.slice(0, 12)}`;
}

function remarks({ format, arrivals, refused, notKept }: ReplayReport): string[] {
  const [first] = refused.first;
  const { repeated, late, untold } = arrivals;
  const knownBy = format === 'lines' ? 'host and seq' : 'stream and number';
  return [
    ...(repeated > 0 ? [`Came again, by ${knownBy}, and counted once: ${repeated}`] : []),
    ...(late > 0 ? [`Too far from their place, not counted: ${late}`] : []),
    ...(untold > 0 ? [`Too late to tell from a duplicate, not counted: ${untold}`] : []),
    ...(first ? [`Refused batches: ${refused.total}, the first by ${first.stage}: ${first.message}`] : []),
    ...(notKept > 0 ? [`Findings and alerts beyond what is listed: ${notKept}`] : []),
  ];
}

/** Why the report says less than the file has: a sentence each, with the cure. None: all of it was judged. */
export function shortcomings({ file, format, events, arrivals, refused }: ReplayReport): string[] {
  const notCounted = arrivals.late + arrivals.untold;
  const [what, order] = format === 'lines' ? ['events', 'of their seq'] : ['batches', 'in which they were sent'];
  const inOrder = `give each host's ${what} in the order ${order}`;
  return [
    ...(events === 0 ? [`${file}: not one event could be read, so nothing was judged: record it again`] : []),
    ...(refused.total > 0 ? [`${file}: refused batches, which are not judged: ${refused.total}; record it again`] : []),
    ...(notCounted > 0
      ? [`${file}: ${notCounted} ${what} came too late for their place and are not counted: ${inOrder}`]
      : []),
  ];
}
