// The real broker, engine and database of an installation on one machine.
export { runCommand } from './process/command.ts';
export { openTlsFront, type Exposure, type TlsFront, type TlsIdentity } from './exposure.ts';
export { startKafka, type KafkaOptions, type RunningKafka } from './kafka/kafka.ts';
export { type KafkaPorts } from './kafka/kafka.config.ts';
export { busIdentity, makeBusSecrets } from './kafka/bus-secrets.ts';
export { issuedFiles, writeIssued } from './secret-files.ts';
export { provideKafka, provideKafkaJars } from './kafka/kafka.install.ts';
export { startClickHouse, type ClickHouseOptions, type RunningClickHouse } from './clickhouse/clickhouse.ts';
export { provideClickHouse } from './clickhouse/clickhouse.install.ts';
export { tenantHeader } from './clickhouse/clickhouse.config.ts';
export { postgresUrl, startPostgres, type PostgresOptions, type RunningPostgres } from './postgres/postgres.ts';
export { postgresUser, providePostgres } from './postgres/postgres.install.ts';
export { askClickHouse, askKafka, askPostgres } from './ask-store.ts';
export { startPart, waitForLock, type Part, type PartPlan } from './process/part.ts';
export { processIdentity, type ProcessIdentity, isAlive, endProcess, cpuTicks } from './process/process.ts';
export { assertPortFree, freePorts, isPortFree, portOwner } from './process/ports.ts';
export { lock, pieceFolder, provide, toolchainFolder, type Piece } from './toolchain.ts';
