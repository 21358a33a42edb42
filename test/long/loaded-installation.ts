// A whole installation without an agent, to which a host sends batches all the time: what was acked to it, and where that is.
import { noKeyWasChanged } from '@norn/config';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '@clickhouse/client';
import { committedOffsets, offsetRanges, readRange, type StageBusConfig } from '@norn/bus';
import { openBatch } from '@norn/contracts';
import { busIdentity, postgresUrl } from '@norn/embedded';
import { issueIdentity } from '@norn/ingest/testing';
import { createControlStore, Host } from '@norn/store';
import { SimulatedHost } from '@norn/testkit';
import { callNorn, type Answer } from '../e2e/installation.ts';
import { SpoolingHost } from './spooling-host.ts';

const eventsPerBatch = 40;
const batchEveryMs = 50;
const readWithinMs = 60_000;
/** Who reads what, from the first stage to the last. */
const readers = [
  ['raw', 'norn.enrichment'],
  ['enriched', 'norn.process-tree'],
  ['lineage', 'norn.detection'],
  ['lineage', 'norn.storage'],
] as const;

interface Stored {
  readonly rows: number;
  readonly distinct: number;
}

export type LoadedInstallation = Awaited<ReturnType<typeof startLoaded>>;

/** In that folder, on ports from there on. */
export async function startLoaded(home: string, portBase: number) {
  const env = { ...process.env, NORN_HOME: home, NORN_PORT_BASE: String(portBase) };
  const norn = (...args: string[]): Promise<Answer> => callNorn(args, env);
  const { code, stdout, stderr } = await norn('up', '-d', '--no-agent');
  if (code !== 0) throw new Error(stdout + stderr);
  const secret = (name: string): string => readFileSync(join(home, 'secrets', name), 'utf8').trim();
  const events = createClient({
    url: `http://127.0.0.1:${String(portBase + 4)}`,
    username: 'norn_writer',
    password: secret('clickhouse-writer.password'),
    database: 'norn',
  });
  const host = await enrolHost(home, portBase);
  const stopSending = sendAllTheTime(host);
  const bus = busOf(home, portBase);
  return {
    norn,
    acked: (): number => host.acked.length,
    ackedEvents: (): number => host.acked.reduce((sum, batch) => sum + openBatch(batch).eventCount, 0),
    /** Acked batches that Kafka does not have: all of them where it does not know the topic. */
    lost: () => lostOf(bus, [...host.acked]),
    stored: async (): Promise<Stored> => {
      const query =
        'SELECT toUInt32(count()) AS rows, toUInt32(uniqExact(host_id, stream_id, batch_seq, row)) AS distinct FROM events';
      const answer = await events.query({ query, format: 'JSONEachRow' });
      const [row] = await answer.json<Stored>();
      return row ?? { rows: 0, distinct: 0 };
    },
    /** Stages that have not come to what stands on their topic now. */
    unread: () => unreadOf(bus),
    pidOf: (part: string): string => readFileSync(join(home, 'run', `${part}.pid`), 'utf8').trim(),
    stop: async (): Promise<void> => {
      stopSending();
      await host.close();
      await events.close();
      await norn('down');
    },
  };
}

async function enrolHost(home: string, portBase: number): Promise<SpoolingHost> {
  const secrets = join(home, 'secrets');
  const control = await createControlStore({
    postgresUrl: postgresUrl(home, portBase + 6),
    postgresPasswordFile: join(secrets, 'postgres.password'),
  });
  const authorityPem = readFileSync(join(secrets, 'authority.cert.pem'), 'utf8');
  const { hostId, tenantId, ...identity } = await issueIdentity({
    authorityKeyPem: readFileSync(join(secrets, 'authority.key.pem'), 'utf8'),
    authorityCertPem: authorityPem,
    serverKeyPem: '',
    serverCertPem: '',
    commandPublicKeyPem: '',
    keys: noKeyWasChanged,
  });
  await control.manager.insert(Host, { id: hostId, tenantId, name: hostId, machineId: hostId });
  await control.destroy();
  return new SpoolingHost({ port: portBase + 1, authorityPem, ...identity });
}

/** Returns what ends it. */
function sendAllTheTime(host: SpoolingHost): () => void {
  const simulated = new SimulatedHost({ seed: 1, processes: 100, startUs: Date.now() * 1000 });
  host.add(simulated.snapshot());
  const timer = setInterval(() => {
    host.add(simulated.live(eventsPerBatch));
  }, batchEveryMs);
  return () => {
    clearInterval(timer);
  };
}

function busOf(home: string, portBase: number): StageBusConfig {
  const { authorityFile, certificateFile, keyFile } = busIdentity(join(home, 'secrets'), 'prepare');
  return {
    kafkaBrokers: `127.0.0.1:${String(portBase + 2)}`,
    kafkaTls: true,
    kafkaAuthorityFile: authorityFile,
    kafkaCertificateFile: certificateFile,
    kafkaKeyFile: keyFile,
    secretsDir: join(home, 'secrets'),
  };
}

async function lostOf(bus: StageBusConfig, acked: readonly Uint8Array[]): Promise<number> {
  const ranges = await offsetRanges(bus, 'raw').catch(() => undefined);
  if (ranges === undefined) return acked.length;
  const kept = new Set<number>();
  await readRange(bus, 'raw', ranges, ({ records }) => {
    for (const { value } of records) kept.add(openBatch(value).batchSeq);
    return Promise.resolve();
  });
  return acked.filter((batch) => !kept.has(openBatch(batch).batchSeq)).length;
}

async function unreadOf(bus: StageBusConfig): Promise<string[]> {
  const behind: string[] = [];
  for (const [topic, group] of readers) {
    const ends = await offsetRanges(bus, topic);
    const isRead = async (): Promise<boolean> => {
      const committed = await committedOffsets(bus, topic, group);
      return ends.every(({ partition, end }) => end === 0 || (committed.get(partition) ?? 0) >= end);
    };
    const deadline = performance.now() + readWithinMs;
    while (!(await isRead()) && performance.now() < deadline) await sleep(500);
    if (!(await isRead())) behind.push(`${group} of ${topic}`);
  }
  return behind;
}
