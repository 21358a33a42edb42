// The real Kafka broker, one node, KRaft, on loopback. State: <home>/kafka.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { everywhere, type Exposure } from './exposure.ts';
import { provideKafka } from './kafka.install.ts';
import { startPart, waitForLock, type Part } from './part.ts';
import { assertPortFree } from './ports.ts';

const readyWithinMs = 60_000;
const recordBytesMax = 8 * 1024 * 1024;
const segmentBytes = 64 * 1024 * 1024;
const retentionBytesEachPartition = 1024 * 1024 * 1024;

export interface KafkaPorts {
  readonly broker: number;
  readonly controller: number;
}

export interface RunningKafka extends Part {
  /** For `NORN_KAFKA_BROKERS`. */
  readonly brokers: string;
}

export interface KafkaOptions {
  readonly home: string;
  readonly ports: KafkaPorts;
  readonly exposure?: Exposure;
}

/** Starts the broker on `<home>/kafka`, formatted when new. Throws `port_taken`, `home_in_use`, `part_not_started`. */
export async function startKafka(options: KafkaOptions): Promise<RunningKafka> {
  const { ports, exposure } = options;
  const home = join(options.home, 'kafka');
  const folder = await provideKafka();
  await mkdir(home, { recursive: true, mode: 0o700 });
  await waitForLock(join(home, 'broker.lock'), 'Kafka broker');
  await assertPortFree(ports.broker, 'Kafka');
  await assertPortFree(ports.controller, "Kafka's controller");
  await format(home, join(folder, 'template'));
  await writeProperties(home, ports, exposure);
  const archive = ['-Xshare:auto', `-XX:SharedArchiveFile=${join(folder, 'kafka.jsa')}`];
  const part = await startBroker(home, [...archive, ...(await brokerArguments(folder))]);
  return { ...part, brokers: `${exposure?.name ?? '127.0.0.1'}:${ports.broker}` };
}

/** JVM flags up to the main class. */
export async function brokerArguments(folder: string): Promise<string[]> {
  const classPath = await readFile(join(folder, 'class-path'), 'utf8');
  return [
    '-Xmx384m',
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-Xlog:cds=off',
    '-Xlog:cds+dynamic=off',
    `-Dlog4j2.configurationFile=${join(folder, 'log4j2.xml')}`,
    '-cp',
    classPath,
  ];
}

export function startBroker(home: string, args: readonly string[]): Promise<Part> {
  return startPart({
    name: 'kafka',
    command: 'java',
    args: [...args, 'kafka.Kafka', join(home, 'server.properties')],
    cwd: home,
    logFile: join(home, 'broker.log'),
    lockFile: join(home, 'broker.lock'),
    stopSignal: 'SIGTERM',
    isReady: (log) => log.includes('Kafka Server started'),
    readyWithinMs,
  });
}

// Formatting starts a JVM for over a second; what it writes differs between clusters in these two ids alone.
async function format(home: string, template: string): Promise<void> {
  const data = join(home, 'data');
  if (existsSync(join(data, 'meta.properties'))) return;
  const unfinished = join(home, 'data.part');
  await rm(unfinished, { recursive: true, force: true });
  await cp(template, unfinished, { recursive: true });
  const id = (): string => randomBytes(16).toString('base64url').replace(/^-/, 'A');
  const meta = ['version=1', 'node.id=1', `cluster.id=${id()}`, `directory.id=${id()}`];
  await writeFile(join(unfinished, 'meta.properties'), `${meta.join('\n')}\n`);
  await rename(unfinished, data);
}

type Properties = Record<string, string | number | boolean>;

function plain(ports: KafkaPorts): Properties {
  return {
    listeners: `PLAINTEXT://127.0.0.1:${ports.broker},CONTROLLER://127.0.0.1:${ports.controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${ports.broker}`,
  };
}

// Kafka wants the key and its certificate in one file. The controller has no client but the broker beside it.
async function mutualTls(home: string, ports: KafkaPorts, exposure: Exposure): Promise<Properties> {
  const keystore = join(home, 'identity.pem');
  const parts = [await readFile(exposure.keyFile, 'utf8'), await readFile(exposure.certificateFile, 'utf8')];
  await writeFile(keystore, parts.map((pem) => `${pem.trim()}\n`).join(''), { mode: 0o600 });
  return {
    listeners: `SSL://${everywhere}:${ports.broker},CONTROLLER://127.0.0.1:${ports.controller}`,
    'advertised.listeners': `SSL://${exposure.name}:${ports.broker}`,
    'listener.security.protocol.map': 'SSL:SSL,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'SSL',
    'ssl.client.auth': 'required',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': keystore,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': exposure.authorityFile,
  };
}

/** Writes server.properties and returns where. */
export async function writeProperties(home: string, ports: KafkaPorts, exposure?: Exposure): Promise<string> {
  await mkdir(home, { recursive: true });
  const properties: Properties = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${ports.controller}`,
    'controller.listener.names': 'CONTROLLER',
    ...(exposure ? await mutualTls(home, ports, exposure) : plain(ports)),
    'log.dirs': join(home, 'data'),
    'auto.create.topics.enable': false,
    // One node: one copy of everything, and a restart after a crash in seconds instead of eleven.
    'default.replication.factor': 1,
    'offsets.topic.num.partitions': 1,
    'offsets.topic.replication.factor': 1,
    'transaction.state.log.num.partitions': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'share.coordinator.state.topic.num.partitions': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    'broker.session.timeout.ms': 2000,
    'broker.heartbeat.interval.ms': 400,
    'num.network.threads': 2,
    'num.io.threads': 3,
    'background.threads': 2,
    'num.recovery.threads.per.data.dir': 2,
    'log.cleaner.dedupe.buffer.size': 4 * 1024 * 1024,
    'message.max.bytes': recordBytesMax,
    'replica.fetch.max.bytes': recordBytesMax,
    'log.segment.bytes': segmentBytes,
    'log.retention.bytes': retentionBytesEachPartition,
    'log.retention.hours': 24,
  };
  const file = join(home, 'server.properties');
  const lines = Object.entries(properties).map(([name, value]) => `${name}=${value}`);
  await writeFile(file, `${lines.join('\n')}\n`);
  return file;
}
