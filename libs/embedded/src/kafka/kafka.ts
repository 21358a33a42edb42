// The real Kafka broker, one node, KRaft, by mutual TLS. State: <home>/kafka.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brokerArguments, startBroker } from './kafka.broker.ts';
import { type BrokerPlan, writeProperties } from './kafka.config.ts';
import { provideKafka } from './kafka.install.ts';
import { waitForLock, type Part } from '../process/part.ts';
import { assertPortFree } from '../process/ports.ts';
import { startWithRoom, type ReadRoom } from '../process/room.ts';

export interface RunningKafka extends Part {
  /** For `NORN_KAFKA_BROKERS`. */
  readonly brokers: string;
}

export interface KafkaOptions extends BrokerPlan {
  readonly home: string;
  /** What is left of its file system; for tests. */
  readonly readRoom?: ReadRoom | undefined;
  /** It lives for seconds, and is given little; for tests. */
  readonly isBrief?: boolean;
}

/**
 * Starts the broker on `<home>/kafka`, formatted when new, and stops it when its file system gets full. Throws `disk_full`, `port_taken`, `home_in_use`,
 * `part_not_started`.
 */
export function startKafka(options: KafkaOptions): Promise<RunningKafka> {
  const folder = join(options.home, 'kafka');
  return startWithRoom({ name: 'Kafka', folder, read: options.readRoom }, () => start(folder, options));
}

async function start(home: string, options: KafkaOptions): Promise<RunningKafka> {
  const { ports, exposedAs, isBrief } = options;
  const folder = await provideKafka();
  await mkdir(home, { recursive: true, mode: 0o700 });
  await waitForLock(join(home, 'broker.lock'), 'Kafka broker');
  await assertPortFree(ports.broker, 'Kafka');
  await assertPortFree(ports.controller, "Kafka's controller");
  await format(home, join(folder, 'template'));
  await writeProperties(home, options);
  const archive = ['-Xshare:auto', `-XX:SharedArchiveFile=${join(folder, 'kafka.jsa')}`];
  const part = await startBroker(home, [...archive, ...(await brokerArguments(folder, isBrief))]);
  return { ...part, brokers: `${exposedAs ?? '127.0.0.1'}:${ports.broker}` };
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
