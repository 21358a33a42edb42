// Detection and remediation as processes, real Kafka, real PostgreSQL: from a batch with a reflex's finding to a remediated alert,
// while both stages are killed with -9. Nothing is missing, nothing counts twice.
// @norn-strict
import { fromBinary } from '@bufbuild/protobuf';
import { type BusProducer, ensureAccess, ensureTopics, offsetRanges, readRange } from '@norn/bus';
import { event, finding } from '@norn/contracts';
import { batchRecord, process as simulatedProcess, reflexFinding } from '@norn/detection/simulated-host';
import { AlertHandling, CommandRecord, createControlStore, ensureTenant } from '@norn/store';
import { makeSignerKeys } from '@norn/config';
import { createStagesProducer, startKafka, startPostgres, type TestKafka, type TestPostgres } from '@norn/testkit';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DataSource, In } from 'typeorm';
import { SimulatedAgents } from './simulated-agent.ts';
import { StageProcess } from './stage-process.ts';

const hostCount = 40;
const batchesPerHost = 3;
let kafka: TestKafka;
let postgres: TestPostgres;
let store: DataSource;
let producer: BusProducer;
let agents: SimulatedAgents;
let stages: StageProcess[];
let folder: string;

beforeAll(async () => {
  [kafka, postgres] = await Promise.all([startKafka(), startPostgres()]);
  folder = mkdtempSync('/tmp/norn-test-secrets-');
  const key = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
  writeFileSync(join(folder, 'command.key.pem'), key, { mode: 0o600 });
  writeFileSync(join(folder, 'postgres.password'), postgres.password, { mode: 0o600 });
  makeSignerKeys(folder);
  await ensureTopics({ ...kafka.bus, kafkaPartitions: 2 });
  await ensureAccess(kafka.bus);
  store = await createControlStore({ postgresUrl: postgres.urlWithPassword });
  await ensureTenant(store.manager, 'default');
  const bus = { ...kafka.bus, secretsDir: folder };
  producer = await createStagesProducer(bus);
  agents = new SimulatedAgents(bus, producer);
  const environment = {
    NORN_POSTGRES_URL: postgres.urlWithPassword.replace(/:[^:@/]*@/, '@'),
    NORN_POSTGRES_PASSWORD_FILE: join(folder, 'postgres.password'),
    NORN_SECRETS_DIR: folder,
  };
  stages = ['detection', 'remediation'].map(
    (name) => new StageProcess(name, { ...environment, ...kafka.environmentOf(name) }),
  );
  await Promise.all([agents.start(), ...stages.map((stage) => stage.start())]);
});

afterAll(async () => {
  await Promise.all(stages.map((stage) => stage.stop()));
  await agents.stop();
  await producer.close();
  await store.destroy();
  await Promise.all([kafka.stop(), postgres.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

/** The batches of one host: a web server's shell, an encryptor that the agent killed, and a second one. */
function attackOn(host: string): ReturnType<typeof batchRecord>[] {
  const server = simulatedProcess('nginx', undefined, { imagePath: '/usr/sbin/nginx' });
  const shell = simulatedProcess('sh', server, { imagePath: '/bin/sh', commandLine: 'sh -c id' });
  const encryptor = simulatedProcess(`py-${host.slice(-4)}`, shell);
  const second = simulatedProcess(`pz-${host.slice(-4)}`, shell);
  const write = (by: typeof shell) => ({ kind: event.EventKind.FILE_OPEN, path: '/srv/a', flags: 1, by });
  const key = `default:${host}`;
  return [
    batchRecord({ seq: 1, rows: [{ kind: event.EventKind.EXEC, by: shell }] }, key),
    batchRecord({ seq: 2, rows: [write(encryptor)], findings: [reflexFinding(`a${host.slice(-4)}`, encryptor)] }, key),
    batchRecord({ seq: 3, rows: [write(second)], findings: [reflexFinding(`b${host.slice(-4)}`, second)] }, key),
  ];
}

const remediated = (): Promise<number> =>
  store.manager.countBy(AlertHandling, { state: 'remediated', version: batchesPerHost });

/** How many of the hosts have their whole attack remediated; none while PostgreSQL is away. */
async function settled(hosts: readonly string[]): Promise<number> {
  try {
    return await store.manager.countBy(AlertHandling, {
      hostId: In([...hosts]),
      state: 'remediated',
      version: batchesPerHost,
    });
  } catch {
    return 0;
  }
}

async function until(reached: () => Promise<boolean>, seconds: number): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (!(await reached())) {
    if (Date.now() > end) throw new Error(`Not reached within ${seconds} s: ${JSON.stringify(await stateOfPlay())}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function stateOfPlay(): Promise<unknown> {
  return store.query('SELECT state, version, count(*) FROM alert_handlings GROUP BY 1, 2');
}

async function all(topic: 'alerts' | 'findings'): Promise<Uint8Array[]> {
  const config = { ...kafka.bus, secretsDir: folder };
  const values: Uint8Array[] = [];
  await readRange(config, topic, await offsetRanges(config, topic), ({ records }) => {
    values.push(...records.map(({ value }) => value));
    return Promise.resolve();
  });
  return values;
}

describe('from a batch to a remediated alert', () => {
  const hosts = Array.from({ length: hostCount }, (_, at) => `host-${String(at).padStart(16, '0')}`);

  it('loses and doubles nothing while detection and remediation are killed', async () => {
    let killed = 0;
    const killing = (async () => {
      for (const stage of [...stages, ...stages]) {
        killed += 1;
        // In the middle of the work, wherever that is.
        await until(async () => (await store.manager.count(CommandRecord)) >= killed * 6, 60);
        await stage.kill();
        await stage.start();
      }
    })();
    for (const host of hosts) {
      await producer.send('lineage', attackOn(host));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await killing;
    await until(async () => (await remediated()) === hostCount, 60);

    const commands = await store.manager.find(CommandRecord);
    expect(commands).toHaveLength(2 * hostCount);
    expect(agents.ran.map(({ id }) => id).sort()).toEqual(commands.map(({ id }) => id).sort());
    expect(new Set(commands.map(({ action, state }) => `${action} ${state}`))).toEqual(new Set(['restore succeeded']));
    const handlings = await store.manager.find(AlertHandling);
    expect(handlings.map(({ hostId }) => hostId).sort()).toEqual(hosts);
    expect(new Set(handlings.map(({ filesRestored }) => filesRestored))).toEqual(new Set([2]));

    const alerts = (await all('alerts')).map((value) => fromBinary(finding.AlertSchema, value));
    const contents = new Set(
      alerts.map((alert) => `${alert.id} ${alert.version} ${alert.findings.map(({ id }) => id).join()}`),
    );
    expect(contents.size).toBe(batchesPerHost * hostCount);
    const findings = (await all('findings')).map((value) => fromBinary(finding.FindingSchema, value));
    expect(new Set(findings.map(({ id, hostId }) => `${hostId} ${id}`)).size).toBe(batchesPerHost * hostCount);
  });

  it('loses and doubles nothing while Kafka and PostgreSQL are killed', async () => {
    const more = Array.from({ length: 20 }, (_, at) => `host-bad${String(at).padStart(13, '0')}`);
    const sent = (async () => {
      for (const host of more) {
        await producer.send('lineage', attackOn(host));
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    })();
    for (const part of [postgres, kafka]) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      await part.kill();
      await part.restart();
    }
    await sent;
    await until(async () => (await settled(more)) === more.length, 90);
    const commands = (await store.manager.find(CommandRecord)).filter(({ hostId }) => more.includes(hostId));
    expect(commands.map(({ action, state }) => `${action} ${state}`)).toEqual(commands.map(() => 'restore succeeded'));
    expect(commands).toHaveLength(2 * more.length);
    const ran = agents.ran.filter(({ hostId }) => more.includes(hostId)).map(({ id }) => id);
    expect(ran.sort()).toEqual(commands.map(({ id }) => id).sort());
  });

  it('takes a moment when nothing is killed', async () => {
    const waited: number[] = [];
    for (let at = 0; at < 20; at += 1) {
      const host = `host-fast${String(at).padStart(12, '0')}`;
      const start = performance.now();
      await producer.send('lineage', attackOn(host).slice(1, 2));
      await until(
        async () => (await store.manager.countBy(AlertHandling, { hostId: host, state: 'remediated' })) === 1,
        20,
      );
      waited.push(performance.now() - start);
    }
    waited.sort((a, b) => a - b);
    console.log(
      `batch → alert → signed command → outcome → remediated: median ${waited[10]?.toFixed(0)} ms, slowest ${waited.at(-1)?.toFixed(0)} ms (looked at every 50 ms)`,
    );
    expect(waited).toHaveLength(20);
  });
});
