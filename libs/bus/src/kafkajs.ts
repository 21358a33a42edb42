// kafkajs 2.2.4 with three faults mended. Nothing else imports kafkajs, so another client can take its place.
import { X509Certificate } from 'node:crypto';
import { createRequire } from 'node:module';
import { crc32c } from '@node-rs/crc32';
import { NornError } from '@norn/base';
import { readSecret } from '@norn/config';
import { createLogger } from '@norn/telemetry';
import type * as KafkaJs from 'kafkajs';
import type { BusConfig } from './config.ts';
import { generationOf } from './mark.ts';

const require = createRequire(import.meta.url);

interface RequestQueue {
  pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}

/**
 * Idle connections re-arm a 1 ms timer for ever (564 ms CPU in 10 s; 27 ms with this) although nothing is pending.
 * A request that is enqueued later schedules its own check.
 */
function mendIdleTimer(): void {
  const { prototype } = require('kafkajs/src/network/requestQueue') as { prototype: RequestQueue };
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the queue as `this` below
  const schedule = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0) schedule.call(this);
  };
}

/** The checksum of record batches is computed in JavaScript, byte by byte; the native one is 20 times faster. Must run before kafkajs is loaded. */
function useNativeChecksum(): void {
  const path = require.resolve('kafkajs/src/protocol/recordBatch/crc32C');
  require(path);
  const module = require.cache[path];
  if (module !== undefined) module.exports = (buffer: Buffer) => crc32c(buffer);
}

interface ConsumerGroup {
  readonly generationId: number;
  instrumentationEmitter: { emit(name: string, payload: object): void };
  joinAndSync(): Promise<void>;
  commitOffsets(offsets: { topics: readonly { partitions: readonly { metadata: string | null }[] }[] }): Promise<void>;
}

/**
 * A commit goes out under the generation that is current when it is sent, also one that was meant for the generation before and is tried again: it
 * would take a partition's offset back behind its new owner. GROUP_JOIN says its generation with this, and a commit whose metadata names another is refused.
 */
function fenceCommits(): void {
  const { prototype } = require('kafkajs/src/consumer/consumerGroup') as { prototype: ConsumerGroup };
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the group as `this` below
  const { joinAndSync, commitOffsets } = prototype;
  prototype.joinAndSync = async function (this: ConsumerGroup) {
    const emitter = this.instrumentationEmitter;
    this.instrumentationEmitter = {
      emit: (name, payload) => {
        emitter.emit(name, { ...payload, generationId: this.generationId });
      },
    };
    try {
      await joinAndSync.call(this);
    } finally {
      this.instrumentationEmitter = emitter;
    }
  };
  prototype.commitOffsets = async function (this: ConsumerGroup, offsets) {
    for (const { metadata } of offsets.topics.flatMap(({ partitions }) => partitions)) {
      const meant = generationOf(metadata ?? '');
      if (meant === undefined || meant === this.generationId) continue;
      const what = `Generation ${meant} of the group is over, ${this.generationId} has begun`;
      throw Object.assign(new NornError('generation_over', what), { retriable: false });
    }
    await commitOffsets.call(this, offsets);
  };
}

useNativeChecksum();
mendIdleTimer();
fenceCommits();

export const {
  Kafka,
  Partitioners,
  logLevel,
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ResourcePatternTypes,
} = require('kafkajs') as typeof KafkaJs;

type Patience = Pick<KafkaJs.KafkaConfig, 'requestTimeout' | 'retry'>;

/** A client that retries for about two seconds by itself; who uses it goes on from there. */
export function createKafka(config: BusConfig, clientId: string, patience: Patience = {}): KafkaJs.Kafka {
  const logger = createLogger('kafka');
  return new Kafka({
    clientId,
    brokers: config.kafkaBrokers.split(','),
    ssl: transportOf(config),
    connectionTimeout: 3_000,
    requestTimeout: 15_000,
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 4 },
    ...patience,
    logLevel: logLevel.WARN,
    // A lost broker is reported once by us, with what is done about it; kafkajs reports it several times.
    logCreator: () => (entry) => {
      logger.debug({ clientId, kafka: entry.log }, entry.log.message);
    },
  });
}

type Transport = NonNullable<KafkaJs.KafkaConfig['ssl']>;

/** Throws `kafka_tls_invalid` when certificate, key, authority and TLS do not go together, `secret_missing`. */
function transportOf(config: BusConfig): Transport {
  const { kafkaTls = false, kafkaAuthorityFile = '', kafkaCertificateFile = '', kafkaKeyFile = '' } = config;
  const shown = kafkaCertificateFile + kafkaKeyFile + kafkaAuthorityFile;
  if ((kafkaCertificateFile === '') !== (kafkaKeyFile === '') || (!kafkaTls && shown !== '')) {
    const cure =
      'set NORN_KAFKA_TLS=true and both NORN_KAFKA_CERTIFICATE_FILE and NORN_KAFKA_KEY_FILE, or none of the two';
    throw new NornError('kafka_tls_invalid', `A certificate for Kafka needs its key, and TLS: ${cure}`);
  }
  if (shown === '') return kafkaTls;
  return {
    ...(kafkaAuthorityFile === '' ? {} : { ca: readSecret(kafkaAuthorityFile) }),
    ...(kafkaKeyFile === '' ? {} : { cert: readSecret(kafkaCertificateFile), key: readSecret(kafkaKeyFile) }),
  };
}

/** Who this client is to a broker with rights: the name in its certificate; empty: it shows none. Throws `secret_missing`. */
export function identityOf({ kafkaCertificateFile = '' }: BusConfig): string {
  if (kafkaCertificateFile === '') return '';
  const { subject } = new X509Certificate(readSecret(kafkaCertificateFile));
  return /^CN=(.*)$/m.exec(subject)?.[1] ?? '';
}
