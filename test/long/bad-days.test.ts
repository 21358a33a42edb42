// Kill -9 of any one part while an attack runs: nothing acked is missing, nothing counts twice, no command runs twice.
// @norn-strict
import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient, type ClickHouseClient } from '@clickhouse/client';
import { offsetRanges, readRange } from '@norn/bus';
import { openBatch } from '@norn/contracts';
import { busIdentity } from '@norn/embedded';
import { startInstallation, type Installation } from '../e2e/installation.ts';

const portBase = 7740;
/** Longest for the whole of one part's bad day; most take three seconds, the broker's ten. */
const dayMs = 120_000;
/** Between two files: the attack goes on for half a second, long enough to be caught in the act. */
const pauseMs = 100;

interface Report {
  alertId: string;
  problems: string[];
  state: string;
}

interface Alert {
  commands: { action: string; state: string }[];
}

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
  }, 600_000);
  afterAll(async () => {
    await events.close();
    await norn.stop();
  }, dayMs);

  it.each(['kafka', 'clickhouse', 'postgres', 'stages', 'tyr'])(
    'of %s: the attack is undone to the last byte, once',
    async (part) => {
      const { report, killed } = await attackAndKill(norn, part);
      expect(report).toMatchObject({ problems: [], state: 'remediated' });
      await expectGoodOrder(norn, events, { part, killed, alertId: report.alertId });
    },
    dayMs,
  );

  // What changed while no agent was there has no pre-image; all that it saw comes back.
  it(
    'of baldur: it comes back, stops the attack and undoes what it saw, once',
    async () => {
      const { report, killed } = await attackAndKill(norn, 'baldur');
      expect(report.state).toBe('remediated');
      await expectGoodOrder(norn, events, { part: 'baldur', killed, alertId: report.alertId });
    },
    dayMs,
  );
});

async function attackAndKill(norn: Installation, part: string) {
  const known = new Set(await simulators());
  const attack = norn.json<Report>('attack', 'ransomware', '--container', '--pause', String(pauseMs));
  await attackHasBegun(known);
  const killed = pidOf(norn, part);
  process.kill(killed, 'SIGKILL');
  return { report: await attack, killed };
}

async function expectGoodOrder(
  norn: Installation,
  events: ClickHouseClient,
  { part, killed, alertId }: { part: string; killed: number; alertId: string },
): Promise<void> {
  await until(`${part} to be back`, () => isBack(norn, part, killed));
  const acked = await countAcked(norn.home);
  await until('what was acked to be stored', async () => (await countStored(events)).rows >= acked);
  const { rows, distinct } = await countStored(events);
  expect(rows).toBe(distinct);
  const { commands } = await norn.json<Alert>('alert', alertId);
  expect(commands.filter(({ action }) => action === 'restore').map(({ state }) => state)).toEqual(['succeeded']);
}

async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    if (await isTrue()) return;
    await sleep(100);
  }
  throw new Error(`Waited 30 s for ${what}`);
}

function pidOf(norn: Installation, part: string): number {
  const file = part === 'baldur' ? 'agent/baldur.pid' : `run/${part}.pid`;
  return Number(readFileSync(join(norn.home, file), 'utf8').split(' ')[0]);
}

function isBack(norn: Installation, part: string, killed: number): boolean {
  try {
    const pid = pidOf(norn, part);
    return pid !== killed && process.kill(pid, 0);
  } catch {
    return false; // The file is not there between two lives, or names the one that was killed.
  }
}

/** Looked for often: it is stopped within milliseconds. */
async function attackHasBegun(known: ReadonlySet<string>): Promise<void> {
  for (let attempt = 0; attempt < 12_000; attempt++) {
    if ((await simulators()).some((pid) => !known.has(pid))) return;
    await sleep(2);
  }
  throw new Error('The attack did not begin');
}

async function simulators(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')));
  return pids.filter((_, index) => /^[^\0]*norn-attack\0ransomware/.test(lines[index] ?? ''));
}

/** Events of all batches that ingest acknowledged, each batch once: the broker has written them to every replica. */
async function countAcked(home: string): Promise<number> {
  const { authorityFile, certificateFile, keyFile } = busIdentity(join(home, 'secrets'), 'record');
  const config = {
    kafkaBrokers: `127.0.0.1:${String(portBase + 2)}`,
    kafkaTls: true,
    kafkaAuthorityFile: authorityFile,
    kafkaCertificateFile: certificateFile,
    kafkaKeyFile: keyFile,
    secretsDir: join(home, 'secrets'),
  };
  const events = new Map<string, number>();
  await readRange(config, 'raw', await offsetRanges(config, 'raw'), ({ records }) => {
    for (const { value } of records) {
      const { streamId, batchSeq, eventCount } = openBatch(value);
      events.set(`${Buffer.from(streamId).toString('hex')} ${String(batchSeq)}`, eventCount);
    }
    return Promise.resolve();
  });
  return [...events.values()].reduce((sum, count) => sum + count, 0);
}

interface Stored {
  rows: number;
  distinct: number;
}

async function countStored(client: ClickHouseClient): Promise<Stored> {
  const query =
    'SELECT toUInt32(count()) AS rows, toUInt32(uniqExact(host_id, stream_id, batch_seq, row)) AS distinct FROM events';
  const answer = await client.query({ query, format: 'JSONEachRow' });
  const [row] = await answer.json<Stored>();
  return row ?? { rows: 0, distinct: 0 };
}
