// Alerts that came since a moment, and one alert when nothing more is expected of it.
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '@norn/cli';
import type { ShownAlert, ShownAlertDetail } from '@norn/contracts';

/** The API's largest page; a row of the benchmark that raises more has failed by far. */
const alertsMax = 200;
const settleWithinMs = 8_000;
const pollMs = 200;

/** From now on: each call gives the alerts that came since this one, and older ones for which something was killed since. */
export async function newAlerts(api: ApiClient): Promise<() => Promise<ShownAlert[]>> {
  const known = new Map((await newest(api)).map(({ id, killedPids }) => [id, killedPids.length]));
  return async () => (await newest(api)).filter(({ id, killedPids }) => killedPids.length > (known.get(id) ?? -1));
}

async function newest(api: ApiClient): Promise<ShownAlert[]> {
  return (await api.get<{ alerts: ShownAlert[] }>(`/alerts?limit=${alertsMax}`)).alerts;
}

/** Its commands have ended, and its processes and files can be read; or it is as it is after `settleWithinMs`. */
export async function settledAlert(api: ApiClient, id: string): Promise<ShownAlertDetail> {
  const deadline = performance.now() + settleWithinMs;
  for (;;) {
    const detail = await api.get<ShownAlertDetail>(`/alerts/${id}`);
    if (isSettled(detail) || performance.now() > deadline) return detail;
    await sleep(pollMs);
  }
}

function isSettled({ alert, commands, files, processes }: ShownAlertDetail): boolean {
  const decided = Object.values(alert.files).reduce((sum, count) => sum + count, 0);
  const known = processes.filter(({ killed }) => killed).length;
  return (
    commands.every(({ finishedAt }) => finishedAt !== '') &&
    files.length >= decided &&
    known >= Math.min(1, alert.killedPids.length)
  );
}
