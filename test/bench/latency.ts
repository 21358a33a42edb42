// `norn bench latency`: kernel event → alert in the API, and command → done, while ordinary work goes on beside it and on a
// quiet host.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, NornError } from '@norn/base';
import { type ApiClient, columns, connectApi, write, writeJson } from '@norn/cli';
import { loadConfig, settings } from '@norn/config';
import type { ShownAlert, ShownAlertDetail } from '@norn/contracts';
import { z } from 'zod';
import { buildSimulator } from '../attack/binary.ts';
import { openDockerStage } from '../attack/docker-stage.ts';
import { run, type Stage } from '../attack/stage.ts';
import { percentiles, type Percentiles } from './percentiles.ts';

/** Enough that one is less than the hundredth part. */
const attacks = 120;
const busyRate = 20_000;
const loadSecondsMax = 600;
const stepEvery = 20;
const alertWithinMs = 15_000;
const doneWithinMs = 15_000;

export interface LatencyFigures {
  readonly attacks: number;
  /** Of ordinary work beside the attacks. */
  readonly eventsPerSecond: number;
  readonly eventToAlertMs: Percentiles;
  readonly commandToDoneMs: Percentiles;
}

export async function showLatency(options: { json?: boolean }): Promise<void> {
  const figures = await measureLatency(options.json ? () => undefined : write);
  if (options.json) {
    writeJson(figures);
    return;
  }
  write(columns([['MILLISECONDS', 'EVENTS/S BESIDE', 'p50', 'p99', 'max'], ...figures.flatMap(rowsOf)]));
}

function rowsOf({ eventsPerSecond, eventToAlertMs, commandToDoneMs }: LatencyFigures): string[][] {
  const row = (name: string, { p50, p99, max }: Percentiles): string[] => [
    name,
    String(eventsPerSecond),
    ...[p50, p99, max].map((ms) => ms.toFixed(0)),
  ];
  return [row('kernel event → alert in the API', eventToAlertMs), row('command → done', commandToDoneMs)];
}

/** Needs the installation to run. */
export async function measureLatency(tell: (line: string) => void): Promise<LatencyFigures[]> {
  const api = await connectApi();
  const { home } = loadConfig(z.object({ home: settings.home }));
  const workDir = join(home, 'run', 'latency');
  const [binary, id] = [await buildSimulator(tell), randomBytes(4).toString('hex')];
  await mkdir(workDir, { recursive: true });
  const stage = await openDockerStage({ binary, workDir, files: 10, id });
  const stop = new AbortController();
  try {
    const arrivals = await watchArrivals(api, stop.signal);
    tell(`${String(attacks)} fileless attacks in ${stage.description}, twice`);
    const bench = { api, stage, arrivals, tell };
    tell(`Beside ${String(busyRate)} events/s`);
    const busy = await withLoad(binary, join(workDir, id), () => attackOften(bench));
    tell('On a quiet host');
    const quiet = await attackOften(bench);
    return [await figuresOf(bench, busy, busyRate), await figuresOf(bench, quiet, 0)];
  } finally {
    stop.abort();
    await stage.close();
    await rm(workDir, { recursive: true, force: true });
  }
}

interface Bench {
  readonly api: ApiClient;
  readonly stage: Stage;
  /** When each alert was first told of, ms since 1970. */
  readonly arrivals: ReadonlyMap<string, number>;
  readonly tell: (line: string) => void;
}

/** The alerts' ids. */
async function attackOften(bench: Bench): Promise<string[]> {
  const alerts: string[] = [];
  for (let attack = 0; attack < attacks; attack++) {
    alerts.push(await attackOnce(bench));
    if (alerts.length % stepEvery === 0) bench.tell(`  ${String(alerts.length)} of ${String(attacks)}`);
  }
  return alerts;
}

async function withLoad<T>(binary: string, dir: string, work: () => Promise<T>): Promise<T> {
  await run(binary, ['prepare', dir, '--files', '1']);
  const args = ['load', dir, '--seconds', String(loadSecondsMax), '--rate', String(busyRate)];
  const load = spawn(binary, args, { stdio: 'ignore' });
  try {
    return await work();
  } finally {
    load.kill();
  }
}

/** When each alert was first told of, ms since 1970. Resolves when the stream is open. */
function watchArrivals(api: ApiClient, signal: AbortSignal): Promise<Map<string, number>> {
  const arrivals = new Map<string, number>();
  return new Promise((resolve, reject) => {
    const watch = async (): Promise<void> => {
      let kind = '';
      for await (const line of api.lines('/stream', signal)) {
        resolve(arrivals);
        if (line.startsWith('event: ')) kind = line.slice('event: '.length);
        if (kind !== 'alert' || !line.startsWith('data: ')) continue;
        const { id } = JSON.parse(line.slice('data: '.length)) as { id: string };
        if (!arrivals.has(id)) arrivals.set(id, Date.now());
      }
    };
    watch().catch((error: unknown) => {
      if (!signal.aborted) reject(error instanceof Error ? error : new Error(messageOf(error)));
    });
  });
}

async function attackOnce({ api, stage, arrivals }: Bench): Promise<string> {
  const known = new Set(arrivals.keys());
  await stage.launch(`norn-attack fileless ${stage.corpus}; :`);
  const deadline = Date.now() + alertWithinMs;
  while (Date.now() < deadline) {
    const fresh = [...arrivals.keys()].filter((id) => !known.has(id));
    const found = fresh.length > 0 ? await alertIn(api, stage.containerId, fresh) : undefined;
    if (found) return found;
    await sleep(20);
  }
  throw new NornError(
    'not_detected',
    `No alert within ${String(alertWithinMs)} ms: ./norn hosts shows what this host can see`,
  );
}

/** By the list: the details cost a search through the events, which would be measured too. */
async function alertIn(api: ApiClient, containerId: string, ids: readonly string[]): Promise<string | undefined> {
  const { alerts } = await api.get<{ alerts: ShownAlert[] }>('/alerts?limit=10');
  return alerts.find((alert) => alert.containerId === containerId && ids.includes(alert.id))?.id;
}

/** The alert when its commands have ended. */
async function settled(api: ApiClient, id: string): Promise<ShownAlertDetail> {
  const deadline = Date.now() + doneWithinMs;
  let detail = await detailOf(api, id);
  while (Date.now() < deadline && detail.commands.some(({ finishedAt }) => finishedAt === '')) {
    await sleep(200);
    detail = await detailOf(api, id);
  }
  return detail;
}

function detailOf(api: ApiClient, id: string): Promise<ShownAlertDetail> {
  return api.get<ShownAlertDetail>(`/alerts/${id}`);
}

async function figuresOf(bench: Bench, alerts: readonly string[], eventsPerSecond: number): Promise<LatencyFigures> {
  const details: ShownAlertDetail[] = [];
  for (const alert of alerts) details.push(await settled(bench.api, alert));
  const toAlert = details.map(({ alert }) => (bench.arrivals.get(alert.id) ?? Infinity) - Date.parse(alert.createdAt));
  const commands = details.flatMap((detail) => detail.commands).filter(({ finishedAt }) => finishedAt !== '');
  const toDone = commands.map(({ requestedAt, finishedAt }) => Date.parse(finishedAt) - Date.parse(requestedAt));
  return {
    attacks: details.length,
    eventsPerSecond,
    eventToAlertMs: percentiles(toAlert),
    commandToDoneMs: percentiles(toDone),
  };
}
