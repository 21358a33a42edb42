// Waits for the alert of an attack, and then for its end, telling each change as it is seen.
import { setTimeout as sleep } from 'node:timers/promises';
import { NornError } from '@norn/base';
import type { ApiClient } from '@norn/cli';
import type { ShownAlert } from '@norn/contracts';

export interface Follow {
  readonly api: ApiClient;
  /** Full id; empty for the host. */
  readonly containerId: string;
  /** A path that the attack works on, and nothing else does: on the host other alerts may come at the same moment. */
  readonly corpus: string;
  /** Alerts that were there before the attack, with their versions. */
  readonly known: ReadonlyMap<string, number>;
  /** When the attack began, Unix ms, by this host's clock: what was done before (its files were made) may be told of after. */
  readonly begunAt: number;
  /** Until the alert must be there. */
  readonly detectWithinMs: number;
  /** Until its end. */
  readonly timeoutMs: number;
  readonly onChange: (alert: ShownAlert) => void;
}

const pollMs = 100;
/** Workers are blamed one after the other: an alert that has ended may begin again when the next finding comes. */
const quietMs = 500;
const passing = /^(unreachable|http_5\d\d|.*unavailable.*|internal.*)$/;
const finalStates = new Set(['remediated', 'stopped', 'failed', 'released', 'archived']);

export async function knownAlerts(api: ApiClient): Promise<Map<string, number>> {
  return new Map((await newestAlerts(api)).map(({ id, version }) => [id, version]));
}

export interface Followed {
  /** As it was seen last. */
  readonly alert?: ShownAlert;
  /** `not_detected` or `not_remediated`. */
  readonly failure?: NornError;
}

/** Returns when nothing more will come of the alert, or when it is too late. */
export async function followAlert(follow: Follow): Promise<Followed> {
  const startedAt = Date.now();
  let changedAt = startedAt;
  let seen: ShownAlert | undefined;
  while (Date.now() < startedAt + (seen ? follow.timeoutMs : follow.detectWithinMs)) {
    const alert = await alertOfAttack(follow, seen?.id);
    if (hasMoved(alert, seen)) changedAt = Date.now();
    if (alert && describeState(alert) !== (seen && describeState(seen))) follow.onChange(alert);
    seen = alert ?? seen;
    if (seen && finalStates.has(seen.state) && Date.now() - changedAt >= quietMs) return { alert: seen };
    await sleep(pollMs);
  }
  return seen ? { alert: seen, failure: notRemediated(seen, follow) } : { failure: notDetected(follow) };
}

function notDetected({ detectWithinMs }: Follow): NornError {
  const sentence = `No alert within ${String(detectWithinMs / 1000)} s: ./norn hosts shows what this host can see`;
  return new NornError('not_detected', sentence);
}

function notRemediated({ id, state }: ShownAlert, { timeoutMs }: Follow): NornError {
  const sentence = `Alert ${id} is still ${state} after ${String(timeoutMs / 1000)} s: ./norn alert ${id}`;
  return new NornError('not_remediated', sentence);
}

/** `seen`: the id of the one that was found before. */
async function alertOfAttack(follow: Follow, seen: string | undefined): Promise<ShownAlert | undefined> {
  const alerts = (await whenReachable(newestAlerts(follow.api))) ?? [];
  if (seen !== undefined) return alerts.find(({ id }) => id === seen);
  const fresh = alerts.filter((alert) => isFresh(alert, follow));
  if (follow.containerId !== '') return fresh[0];
  for (const alert of fresh) if (await speaksOf(follow, alert)) return alert;
  return undefined;
}

/** In its findings, its files or its processes; these come a moment later. */
async function speaksOf({ api, corpus }: Follow, { id }: ShownAlert): Promise<boolean> {
  const detail = await whenReachable(api.get<unknown>(`/alerts/${id}`));
  return JSON.stringify(detail ?? null).includes(corpus);
}

/** The API may be down for a moment; the attack's end is what counts. */
async function whenReachable<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof NornError && passing.test(error.code)) return undefined;
    throw error;
  }
}

async function newestAlerts(api: ApiClient): Promise<ShownAlert[]> {
  return (await api.get<{ alerts: ShownAlert[] }>('/alerts?limit=50')).alerts;
}

/** New, with nothing in it from before; or grown since. */
function isFresh({ id, version, createdAt, containerId }: ShownAlert, follow: Follow): boolean {
  const before = follow.known.get(id);
  const isNews = before === undefined ? Date.parse(createdAt) >= follow.begunAt : version > before;
  return isNews && containerId === follow.containerId;
}

function hasMoved(alert: ShownAlert | undefined, seen: ShownAlert | undefined): boolean {
  return alert?.version !== seen?.version || alert?.state !== seen?.state;
}

function describeState(alert: ShownAlert): string {
  return JSON.stringify([alert.state, alert.files, alert.killedPids]);
}
