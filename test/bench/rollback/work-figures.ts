// The arithmetic of the ordinary-work part: what Norn made of one piece of work, and whether all of it together meets the aims.
import type { ShownAlert, ShownAlertDetail } from '@norn/contracts';

export interface WorkFigures {
  readonly name: string;
  readonly outcome: 'done' | 'failed' | 'not here';
  /** Why it failed, or the packages that are missing. */
  readonly reason: string;
  readonly ms: number;
  readonly kills: number;
  readonly suspends: number;
  /** Of medium severity or above. */
  readonly alerts: number;
  /** Their titles, each once. */
  readonly titles: readonly string[];
  /** Alerts that came meanwhile and are not of this work. */
  readonly elsewhere: number;
}

/** How a script ended; `signal` is null when it ended by itself. */
export interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
  readonly ms: number;
  /** Its last words. */
  readonly said: string;
}

const alarming = new Set(['medium', 'high', 'critical']);
/** What a shell says of a child that was killed: 128 + SIGKILL. */
const killedCode = 137;

/** What one script's alerts are. */
export interface Noise {
  readonly own: readonly ShownAlertDetail[];
  readonly elsewhere: number;
}

export function workFigures(name: string, ending: Ending, { own, elsewhere }: Noise): WorkFigures {
  const alerts = own.map(({ alert }) => alert);
  const wasKilled = ending.signal === 'SIGKILL' || ending.code === killedCode;
  const raised = alerts.filter(({ severity }) => alarming.has(severity));
  return {
    name,
    outcome: ending.code === 0 ? 'done' : 'failed',
    reason: ending.code === 0 ? '' : `ended with ${ending.signal ?? String(ending.code)}: ${ending.said}`,
    ms: Math.round(ending.ms),
    // A kill that no alert tells of shows in how the work ended.
    kills: Math.max(pidsKilled(alerts), Number(wasKilled)),
    suspends: own.flatMap(({ findings }) => findings).filter(({ rung }) => rung === 'frozen').length,
    alerts: raised.length,
    titles: [...new Set(raised.map(({ title }) => title))],
    elsewhere,
  };
}

function pidsKilled(alerts: readonly ShownAlert[]): number {
  return new Set(alerts.flatMap(({ killedPids }) => killedPids)).size;
}

export function notHere(name: string, packages: readonly string[]): WorkFigures {
  const reason = `not here: ${packages.join(', ')}`;
  return { name, outcome: 'not here', reason, ms: 0, kills: 0, suspends: 0, alerts: 0, titles: [], elsewhere: 0 };
}

/** The work's own processes stand above or in the alert, by the shell's pid or by the folder they worked in. */
export function isOfWork({ processes }: ShownAlertDetail, shellPid: number, folder: string): boolean {
  return processes.some(
    ({ pid, parentPid, images }) =>
      pid === shellPid ||
      parentPid === shellPid ||
      images.some((image) => image.workingDirectory.startsWith(folder) || image.commandLine.includes(folder)),
  );
}

export interface WorkSummary {
  readonly done: number;
  readonly kills: number;
  readonly suspends: number;
  readonly alerts: number;
  readonly missed: readonly string[];
}

/** Of the whole part. */
export interface WorkReport {
  readonly work: readonly WorkFigures[];
  readonly summary: WorkSummary;
}

export const alertsMaxAim = 5;

export function summarizeWork(rows: readonly WorkFigures[]): WorkSummary {
  const sum = (of: (row: WorkFigures) => number): number => rows.reduce((total, row) => total + of(row), 0);
  const failed = rows.filter(({ outcome }) => outcome === 'failed').map(({ name }) => name);
  const done = rows.filter(({ outcome }) => outcome === 'done').length;
  const [kills, suspends, alerts] = [sum((row) => row.kills), sum((row) => row.suspends), sum((row) => row.alerts)];
  const missed = [
    ...(done > 0 ? [] : ['no ordinary work was done']),
    ...(failed.length === 0 ? [] : [`did not get done: ${failed.join(', ')}`]),
    ...(kills === 0 ? [] : [`${kills} processes of ordinary work were killed`]),
    ...(suspends === 0 ? [] : [`ordinary work was suspended ${suspends} times`]),
    ...(alerts <= alertsMaxAim ? [] : [`${alerts} alerts of medium or above, more than ${alertsMaxAim}`]),
  ];
  return { done, kills, suspends, alerts, missed };
}
