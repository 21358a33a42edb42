// The real Kafka broker, one node, KRaft, by mutual TLS. State: <home>/kafka.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BrokerPlan, writeProperties } from './kafka.config.ts';
import { provideKafka } from './kafka.install.ts';
import { startPart, waitForLock, type Part } from './part.ts';
import { assertPortFree } from './ports.ts';

/** A start takes seconds of processor time, and a busy machine gives it a tenth of one. */
const readyWithinMs = 180_000;

export interface RunningKafka extends Part {
  /** For `NORN_KAFKA_BROKERS`. */
  readonly brokers: string;
}

export interface KafkaOptions extends BrokerPlan {
  readonly home: string;
}

/** Starts the broker on `<home>/kafka`, formatted when new. Throws `port_taken`, `home_in_use`, `part_not_started`. */
export async function startKafka(options: KafkaOptions): Promise<RunningKafka> {
  const { ports, exposedAs } = options;
  const home = join(options.home, 'kafka');
  const folder = await provideKafka();
  await mkdir(home, { recursive: true, mode: 0o700 });
  await waitForLock(join(home, 'broker.lock'), 'Kafka broker');
  await assertPortFree(ports.broker, 'Kafka');
  await assertPortFree(ports.controller, "Kafka's controller");
  await format(home, join(folder, 'template'));
  await writeProperties(home, options);
  const archive = ['-Xshare:auto', `-XX:SharedArchiveFile=${join(folder, 'kafka.jsa')}`];
  const part = await startBroker(home, [...archive, ...(await brokerArguments(folder))]);
  return { ...part, brokers: `${exposedAs ?? '127.0.0.1'}:${ports.broker}` };
}

/**
 * When the second compiler is asked for a method, ten times later than by default: it alone knows the processor's AES, but what runs in the
 * first seconds it would compile for nothing (a fifth of a start's processor time).
 */
const compileLater = [
  '-XX:Tier4InvocationThreshold=50000',
  '-XX:Tier4MinInvocationThreshold=6000',
  '-XX:Tier4CompileThreshold=150000',
  '-XX:Tier4BackEdgeThreshold=400000',
];

/** JVM flags up to the main class. */
export async function brokerArguments(folder: string): Promise<string[]> {
  const classPath = await readFile(join(folder, 'class-path'), 'utf8');
  return [
    '-Xmx384m',
    '-XX:+UseSerialGC',
    ...compileLater,
    // No file below /tmp that tells of it, and no door there.
    '-XX:-UsePerfData',
    '-XX:+DisableAttachMechanism',
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
