// A client of Kafka: how patient it is, and how it shows who it is.
import { X509Certificate } from 'node:crypto';
import { NornError } from '@norn/base';
import { readSecret } from '@norn/config';
import { createLogger } from '@norn/telemetry';
import type * as KafkaJs from 'kafkajs';
import type { BusConfig } from '../config.ts';
import { Kafka, logLevel } from './kafkajs.ts';

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
