// Prepares what the parts are made of, before they run where nothing can be written.
import { provideClickHouse } from './clickhouse/clickhouse.install.ts';
import { provideKafka } from './kafka/kafka.install.ts';
import { providePostgres } from './postgres/postgres.install.ts';

await Promise.all([provideKafka(), provideClickHouse(), providePostgres()]);
