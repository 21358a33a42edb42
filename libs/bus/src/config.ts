// What the bus needs of the configuration; any parsed config with these settings will do.

export interface BusConfig {
  /** Comma-separated host:port. */
  readonly kafkaBrokers: string;
  /** Default: plain. */
  readonly kafkaTls?: boolean;
  /** PEM of the one authority that the brokers' certificates are from; empty or absent: those that Node trusts. */
  readonly kafkaAuthorityFile?: string;
  /** PEM of this client's certificate and of its key; empty or absent: none. */
  readonly kafkaCertificateFile?: string;
  readonly kafkaKeyFile?: string;
}

/** For who writes or reads records: what stands on a topic is signed. */
export interface StageBusConfig extends BusConfig {
  /** Folder of the signers' keys, as libs/config names them. */
  readonly secretsDir: string;
}

export interface TopicConfig extends BusConfig {
  readonly kafkaPartitions: number;
}

/** Largest value of a record, bytes: the largest batch that ingest takes (4 MiB) and what stages append to it. */
export const recordBytesMax = 6 * 1024 * 1024;

/** Largest record batch that the broker takes, bytes. */
export const recordBatchBytesMax = 8 * 1024 * 1024;
