// Real parts for tests, by name.
export { startKafka, type TestBus, type TestKafka } from './kafka.ts';
export { startClickHouse, type TestClickHouse } from './clickhouse.ts';
export { startPostgres, type TestPostgres } from './postgres.ts';
export {
  createStagesProducer,
  forge,
  makeTestKeys,
  readAsStranger,
  type ForgedRecord,
  type TestKeys,
} from './signed-bus.ts';
export { dockerAnswers, endDocker, ensureDocker, ensureImage } from './docker.ts';
export * from './batches/index.ts';
