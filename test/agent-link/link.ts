// The real chain from baldur's socket to Kafka: tyr and ingest as processes, a real broker, a real PostgreSQL, real certificates.
import {
  ensureAccess,
  ensureTopics,
  offsetRanges,
  readRange,
  type BusRecord,
  type StageBusConfig,
  type TopicName,
} from '@norn/bus';
import { freePorts } from '@norn/embedded';
import { makeSecrets, writeSecrets, type TestSecrets } from '@norn/ingest/testing';
import { createControlStore, createToken, ensureTenant } from '@norn/store';
import { createStagesProducer, startKafka, startPostgres, type TestKafka } from '@norn/testkit';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const tenantId = 'default';

export interface Identity {
  readonly tenantId: string;
  readonly hostId: string;
}

export interface PartProcess {
  readonly pid: number;
  hasEnded(): boolean;
  kill(signal: NodeJS.Signals): Promise<void>;
}

export type Link = Awaited<ReturnType<typeof startLink>>;

export async function startLink() {
  const folder = mkdtempSync(join(tmpdir(), 'norn-link-'));
  const [kafka, postgres, ports] = await Promise.all([startKafka(), startPostgres(), freePorts(3)]);
  const [ingestPort = 0, enrolPort = 0, healthPort = 0] = ports;
  const bus = await prepareBus(kafka, join(folder, 'secrets'));
  const control = await createControlStore({ postgresUrl: postgres.urlWithPassword });
  await ensureTenant(control.manager, tenantId);
  const secrets: TestSecrets = await makeSecrets();
  writeSecrets(join(folder, 'secrets'), secrets);
  const newJoinToken = async (): Promise<void> => {
    const token = await createToken(control.manager, 'join', { tenantId, userId: null, ttlMs: 600_000 });
    writeFileSync(join(folder, 'join.token'), token, { mode: 0o600 });
  };
  await newJoinToken();
  writeFileSync(join(folder, 'postgres.password'), postgres.password, { mode: 0o600 });
  const producer = await createStagesProducer(bus);
  const agentDir = join(folder, 'agent');
  mkdirSync(agentDir, { mode: 0o700 });
  const environment = environmentOf(folder, {
    ports: { ingest: ingestPort, enrol: enrolPort, health: healthPort },
    postgresUrl: postgres.url,
  });
  const start = (name: string, main: string, extra: Readonly<Record<string, string>> = {}): PartProcess =>
    startPart({
      name,
      main: join(repository, main),
      folder,
      environment: { ...environment, ...kafka.environmentOf(name), ...extra },
    });

  return {
    agentDir,
    secrets,
    control,
    producer,
    kafka,
    postgres,
    newJoinToken,
    socket: environment.NORN_AGENT_SOCKET,
    addresses: { ingest: environment.NORN_INGEST_ADDRESS, enrol: environment.NORN_ENROL_ADDRESS },
    /** A file for a secret or for what a part writes; gone with the link. */
    file: (name: string): string => join(folder, name),
    /** A stage beside ingest, with a health port of its own. */
    startStage: async (name: string, extra: Readonly<Record<string, string>>): Promise<PartProcess> => {
      const [port = 0] = await freePorts(1);
      return start(name, `services/${name}/src/main.ts`, { NORN_HEALTH_PORT: String(port), ...extra });
    },
    startIngest: async (extra?: Readonly<Record<string, string>>): Promise<PartProcess> => {
      const part = start('ingest', 'services/ingest/src/main.ts', extra);
      await untilHealthy(healthPort, part);
      return part;
    },
    startTyr: (extra?: Readonly<Record<string, string>>) => start('tyr', 'native-agent/tyr/src/main.ts', extra),
    identity: async (): Promise<Identity> => {
      for (;;) {
        try {
          const { tenantId, hostId } = JSON.parse(readFileSync(join(agentDir, 'identity.json'), 'utf8')) as Identity;
          return { tenantId, hostId };
        } catch {
          await sleep(50); // Not enrolled yet.
        }
      }
    },
    records: (topic: TopicName): Promise<BusRecord[]> => recordsOf(bus, topic),
    log: (name: string): string => readFileSync(join(folder, `${name}.log`), 'utf8'),
    close: async (): Promise<void> => {
      await producer.close();
      await control.destroy();
      await Promise.all([kafka.stop(), postgres.stop()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function prepareBus({ bus }: TestKafka, secretsDir: string): Promise<StageBusConfig> {
  await ensureTopics({ ...bus, kafkaPartitions: 2 });
  await ensureAccess(bus);
  return { ...bus, secretsDir };
}

async function recordsOf(bus: StageBusConfig, topic: TopicName): Promise<BusRecord[]> {
  const records: BusRecord[] = [];
  await readRange(bus, topic, await offsetRanges(bus, topic), (batch) => {
    records.push(...batch.records);
    return Promise.resolve();
  });
  return records;
}

interface Addresses {
  readonly ports: { readonly ingest: number; readonly enrol: number; readonly health: number };
  readonly postgresUrl: string;
}

function environmentOf(folder: string, { ports, postgresUrl }: Addresses) {
  const agentDir = join(folder, 'agent');
  return {
    NORN_INGEST_PORT: String(ports.ingest),
    NORN_ENROL_PORT: String(ports.enrol),
    NORN_HEALTH_PORT: String(ports.health),
    NORN_POSTGRES_URL: postgresUrl,
    NORN_POSTGRES_PASSWORD_FILE: join(folder, 'postgres.password'),
    NORN_SECRETS_DIR: join(folder, 'secrets'),
    NORN_AGENT_DIR: agentDir,
    NORN_AGENT_SOCKET: join(agentDir, 'baldur.sock'),
    NORN_INGEST_ADDRESS: `127.0.0.1:${ports.ingest}`,
    NORN_ENROL_ADDRESS: `127.0.0.1:${ports.enrol}`,
    NORN_AUTHORITY_FILE: join(folder, 'secrets/authority.cert.pem'),
    NORN_JOIN_TOKEN_FILE: join(folder, 'join.token'),
    NORN_DOCKER_SOCKET: join(folder, 'no-docker.sock'),
    NORN_CONTAINERD_SOCKET: join(folder, 'no-containerd.sock'),
  };
}

interface PartPlan {
  readonly name: string;
  readonly main: string;
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
}

function startPart({ name, main, folder, environment }: PartPlan): PartProcess {
  const log = openSync(join(folder, `${name}.log`), 'a');
  const register = join(repository, 'deploy/runtime/register.mjs');
  const flags = ['--disable-warning=TimeoutNegativeWarning', '--import', register];
  const inherited = { PATH: process.env.PATH, HOME: process.env.HOME };
  const child: ChildProcess = spawn(process.execPath, [...flags, main], {
    stdio: ['ignore', log, log],
    env: { ...inherited, ...environment },
  });
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => {
      resolve();
    });
  });
  return {
    pid: child.pid ?? 0,
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    kill: async (signal) => {
      child.kill(signal);
      await exited;
    },
  };
}

async function untilHealthy(port: number, part: PartProcess): Promise<void> {
  for (;;) {
    if (part.hasEnded()) throw new Error('It ended before it was healthy: see its log');
    try {
      const response = await fetch(`http://127.0.0.1:${port}/healthz`);
      const { services } = (await response.json()) as { services: object };
      if (response.ok && Object.keys(services).length > 0) return;
    } catch {
      // Not listening yet.
    }
    await sleep(100);
  }
}
