// Kill -9 of any one part while an attack runs: nothing acked is missing, nothing counts twice, no command runs twice.
import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient, type ClickHouseClient } from '@clickhouse/client';
import { startInstallation, type Installation } from './installation.ts';

const portBase = 7740;

interface Report {
  alertId: string;
  problems: string[];
  state: string;
}

interface Alert {
  commands: { action: string; state: string }[];
}

jest.setTimeout(900_000);

describe('kill -9 while an attack runs', () => {
  let norn: Installation;
  let events: ClickHouseClient;

  beforeAll(async () => {
    norn = await startInstallation(portBase);
    events = createClient({
      url: `http://127.0.0.1:${String(portBase + 4)}`,
      username: 'norn_writer',
      password: readFileSync(join(norn.home, 'secrets/clickhouse-writer.password'), 'utf8').trim(),
      database: 'norn',
    });
  });
  afterAll(async () => {
    await events.close();
    await norn.stop();
  });

  it.each(['kafka', 'clickhouse', 'postgres', 'stages', 'tyr'])(
    'of %s: the attack is still undone, once',
    async (part) => {
      const attack = norn.json<Report>('attack', 'ransomware', '--container', '--pause', '10');
      await attackHasBegun();
      const pid = killPart(norn, part);
      const report = await attack;
      expect(report.problems).toEqual([]);
      expect(report.state).toBe('remediated');
      await partIsBack(norn, part, pid);
      await nothingIsCountedTwice(events);
      await nothingIsMissing(events);
      expect(restoresOf(await norn.json<Alert>('alert', report.alertId))).toEqual(['succeeded']);
    },
  );

  it('of baldur: it comes back, goes on, and the attack is stopped', async () => {
    const attack = norn.json<Report>('attack', 'ransomware', '--container', '--pause', '40');
    await attackHasBegun();
    const pid = killPart(norn, 'baldur');
    const report = await attack;
    expect(report.state).toBe('remediated');
    await partIsBack(norn, 'baldur', pid);
    await nothingIsCountedTwice(events);
    expect(restoresOf(await norn.json<Alert>('alert', report.alertId))).toEqual(['succeeded']);
  });
});

function restoresOf(alert: Alert): string[] {
  return alert.commands.filter(({ action }) => action === 'restore').map(({ state }) => state);
}

function pidOf(norn: Installation, part: string): number {
  const file = part === 'baldur' ? 'agent/baldur.pid' : `run/${part}.pid`;
  return Number(readFileSync(join(norn.home, file), 'utf8').trim().split(' ')[0]);
}

function killPart(norn: Installation, part: string): number {
  const pid = pidOf(norn, part);
  process.kill(pid, 'SIGKILL');
  return pid;
}

/** The simulator runs; it is looked for often, since it is stopped within milliseconds. */
async function attackHasBegun(): Promise<void> {
  for (let attempt = 0; attempt < 12_000; attempt++) {
    if (await simulatorRuns()) return;
    await sleep(5);
  }
  throw new Error('The attack did not begin');
}

async function simulatorRuns(): Promise<boolean> {
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const line = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '');
    if (line.startsWith('norn-attack\0ransomware')) return true;
  }
  return false;
}

async function partIsBack(norn: Installation, part: string, killed: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const pid = await Promise.resolve()
      .then(() => pidOf(norn, part))
      .catch(() => killed);
    if (pid !== killed && isRunning(pid)) return;
    await sleep(100);
  }
  throw new Error(`${part} did not come back`);
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false; // No such process.
  }
}

async function one(client: ClickHouseClient, query: string): Promise<Record<string, string>> {
  const rows = await client
    .query({ query, format: 'JSONEachRow' })
    .then((answer) => answer.json<Record<string, string>>());
  return rows[0] ?? {};
}

async function nothingIsCountedTwice(client: ClickHouseClient): Promise<void> {
  const { rows, distinct } = await one(
    client,
    'SELECT toString(count()) AS rows, toString(uniqExact(host_id, stream_id, batch_seq, row)) AS distinct FROM events',
  );
  expect(rows).toBe(distinct);
}

/** Batches of a stream are numbered without holes; what is stored must be too, up to the newest stored. */
async function nothingIsMissing(client: ClickHouseClient): Promise<void> {
  const query = `SELECT toString(count()) AS holes FROM (
    SELECT host_id, stream_id, max(batch_seq) - uniqExact(batch_seq) AS missing FROM events GROUP BY host_id, stream_id HAVING missing != 0)`;
  expect(await one(client, query)).toEqual({ holes: '0' });
}
