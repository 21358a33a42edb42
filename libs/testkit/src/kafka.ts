// The real broker for a test: a folder, ports and certificates of its own.
import { type BusConfig, busIdentities } from '@norn/bus';
import {
  busIdentity,
  freePorts,
  makeBusSecrets,
  startKafka as startEmbedded,
  type KafkaOptions,
  type RunningKafka,
} from '@norn/embedded';
import { takeFolder, type Disposable, type Restartable } from './folder.ts';

/** How somebody reaches the broker. */
export interface TestBus extends BusConfig {
  readonly kafkaTls: true;
  readonly kafkaAuthorityFile: string;
  readonly kafkaCertificateFile: string;
  readonly kafkaKeyFile: string;
}

export interface TestKafka extends RunningKafka, Disposable, Restartable {
  /** Of who may do everything. */
  readonly bus: TestBus;
  /** Of the service or tool of that name, which has its rights once `ensureAccess` has been called. */
  busOf(identity: string): TestBus;
  /** The same for a service's environment. */
  environmentOf(identity: string): Readonly<Record<string, string>>;
}

/** A broker with no topics, told `properties` over its own and what room there is. `stop()` ends it and removes what it kept; `kill()` and `restart()` are for bad days. */
export async function startKafka(
  options: Pick<KafkaOptions, 'properties' | 'readRoom' | 'isBrief'> = {},
): Promise<TestKafka> {
  const folder = takeFolder('kafka');
  const [broker = 0, controller = 0] = await freePorts(2);
  await makeBusSecrets(folder.path, { identities: busIdentities });
  const identity = busIdentity(folder.path);
  const start = (): Promise<RunningKafka> =>
    startEmbedded({ home: folder.path, ports: { broker, controller }, identity, isBrief: true, ...options });
  const running = folder.hold(await start(), start);
  const busOf = (name: string): TestBus => testBus(running.brokers, folder.path, name);
  const environment = (name: string): Readonly<Record<string, string>> => environmentOf(busOf(name));
  return Object.assign(running, { bus: busOf('prepare'), busOf, environmentOf: environment });
}

function testBus(kafkaBrokers: string, folder: string, identity: string): TestBus {
  const { authorityFile, certificateFile, keyFile } = busIdentity(folder, identity);
  return {
    kafkaBrokers,
    kafkaTls: true,
    kafkaAuthorityFile: authorityFile,
    kafkaCertificateFile: certificateFile,
    kafkaKeyFile: keyFile,
  };
}

function environmentOf(bus: TestBus): Readonly<Record<string, string>> {
  return {
    NORN_KAFKA_BROKERS: bus.kafkaBrokers,
    NORN_KAFKA_TLS: 'true',
    NORN_KAFKA_AUTHORITY_FILE: bus.kafkaAuthorityFile,
    NORN_KAFKA_CERTIFICATE_FILE: bus.kafkaCertificateFile,
    NORN_KAFKA_KEY_FILE: bus.kafkaKeyFile,
  };
}
