// Asks every part that the supervisor runs whether it answers, all at once and each for a short time.
import { readFileSync } from 'node:fs';
import { messageOf } from '@norn/base';
import { askClickHouse, askKafka, askPostgres, isAlive, type ProcessIdentity } from '@norn/embedded';
import { Metric } from '@norn/telemetry';
import type { Installation } from '../installation/installation.ts';
import type { PartState } from '../installation/run-state.ts';
import { serviceNames } from '../installation/services.ts';

const partDeadlineMs = 3_000;
/** A part that ended since then may end again. */
const recentMs = 300_000;

export interface AskedPart {
  readonly name: string;
  readonly state: 'answers' | 'silent' | 'ill' | 'away';
  /** Why it is not well, empty when it is. */
  readonly detail: string;
  readonly restarts: number;
  /** How it ended last, with the time; empty: it never did. */
  readonly lastEnd: string;
}

export function askParts(installation: Installation, parts: readonly PartState[]): Promise<AskedPart[]> {
  return Promise.all(parts.map((part) => askPart(installation, part)));
}

async function askPart(installation: Installation, part: PartState): Promise<AskedPart> {
  const { name, restarts, lastEnd } = part;
  const asked = (state: AskedPart['state'], detail = ''): AskedPart => ({ name, state, detail, restarts, lastEnd });
  if (!part.process || !isAlive(part.process)) return asked('away', part.failure);
  try {
    const illness = await ask(installation, name);
    if (illness !== '') return asked('ill', illness);
  } catch (error) {
    if (isHalted(part.process.pid)) return asked('silent', 'its process is stopped');
    const late = (error as Error).name === 'TimeoutError';
    return asked('silent', late ? `no answer in ${String(partDeadlineMs / 1000)} s` : messageOf(error));
  }
  return isHalted(part.process.pid) ? asked('silent', 'its process is stopped') : asked('answers');
}

/** Why it is not well; throws when it does not answer. The agent has no address: its process is looked at alone. */
async function ask(installation: Installation, name: string): Promise<string> {
  const { home, ports } = installation;
  if (name === 'kafka') {
    const secrets = installation.path('secrets');
    await askKafka({ port: ports.kafka, secrets, identity: 'prepare' }, partDeadlineMs);
  } else if (name === 'clickhouse') await askClickHouse(ports.clickhouse, partDeadlineMs);
  else if (name === 'postgres') await askPostgres(home, ports.postgres, partDeadlineMs);
  else if (name === 'stages') return askStage(ports.health);
  else {
    const index = serviceNames.findIndex((service) => service === name);
    if (index >= 0) return askStage(ports.separateHealth + index);
  }
  return '';
}

interface Health {
  readonly services: Readonly<Record<string, { healthy: boolean; details: Readonly<Record<string, unknown>> }>>;
}

async function askStage(port: number): Promise<string> {
  const signal = AbortSignal.timeout(partDeadlineMs);
  const read = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${String(port)}/${path}`, { signal });
  const [response, metrics] = await Promise.all([read('healthz'), read('metrics').then((answer) => answer.text())]);
  const { services } = (await response.json()) as Health;
  if (response.ok) return unprovenIn(metrics);
  const ill = Object.entries(services).filter(([, { healthy }]) => !healthy);
  return ill.map(([name, { details }]) => `${name} says ${JSON.stringify(details)}`).join(', ');
}

/** Records that no stage may have written, or not so: somebody else did, or they are damaged. Counted since the stage began. */
function unprovenIn(metrics: string): string {
  const counts = metrics.matchAll(new RegExp(`^${Metric.BusRecordsUnproven}\\{(.*)\\} (\\d+)`, 'gm'));
  const told = [...counts].map(
    ([, labels = '', number = '']) => `${number} of ${labelIn(labels, 'topic')} (${labelIn(labels, 'reason')})`,
  );
  return told.length === 0 ? '' : `it refused records, made up or damaged: ${told.join(', ')}; its log says where`;
}

function labelIn(labels: string, name: string): string {
  return new RegExp(`\\b${name}="([\\w.-]+)"`).exec(labels)?.[1] ?? 'unknown';
}

/** By a signal or a debugger (proc_pid_stat(5)). */
function isHalted(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'latin1');
    return /^[Tt]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false; // It has ended meanwhile.
  }
}

/** The supervisor has no address: it is looked at alone. While it is halted everything may look well, and nothing is started again. */
export function supervisorProblems({ pid }: ProcessIdentity): string[] {
  if (!isHalted(pid)) return [];
  const cure = `kill -CONT ${String(pid)}`;
  return [`the supervisor: its process is stopped; dead parts are not started again; ${cure}`];
}

/** One sentence for each part that is not well, or was not lately. */
export function partProblems(parts: readonly AskedPart[], now: Date): string[] {
  return parts.flatMap((part) => [...problemOf(part), ...restartsOf(part, now)]);
}

function problemOf({ name, state, detail }: AskedPart): string[] {
  if (state === 'answers') return [];
  if (state === 'away') return [`${name} does not run${detail === '' ? '' : `: ${detail}`}`];
  return [state === 'ill' ? `${name} is not well: ${detail}` : `${name} does not answer (${detail})`];
}

function restartsOf({ name, restarts, lastEnd }: AskedPart, now: Date): string[] {
  const [time = '', ...how] = lastEnd.split(' ');
  const agoMs = now.getTime() - Date.parse(time);
  if (!(agoMs < recentMs)) return [];
  const times = restarts === 1 ? 'once' : `${String(restarts)} times`;
  const restarted = restarts === 0 ? '' : `restarted ${times}, last `;
  return [`${name} ${restarted}${how.join(' ')} ${(Math.max(0, agoMs) / 1000).toFixed(0)} s ago`];
}
