// Everything the measured process needs: a broker, ClickHouse, PostgreSQL, keys, and hosts that are enrolled.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureTopics } from '@norn/bus';
import { freePorts } from '@norn/embedded';
import { issueIdentity, makeSecrets, writeSecrets } from '@norn/ingest/testing';
import { Host, createControlStore, createReader, ensureTenant } from '@norn/store';
import { startClickHouse, startKafka, startPostgres } from '@norn/testkit';

const tenantId = 'default';

export type BenchInstallation = Awaited<ReturnType<typeof startBenchInstallation>>;

/** As the broker was before it asked for certificates: what TLS costs is the rest. */
const plainBus = {
  'listener.security.protocol.map': 'SSL:PLAINTEXT,CONTROLLER:SSL',
  'super.users': 'User:norn-broker;User:ANONYMOUS',
};

export interface BenchBus {
  /** Without TLS on the bus, to compare with. */
  readonly plain: boolean;
}

export async function startBenchInstallation(hostCount: number, { plain }: BenchBus) {
  const folder = mkdtempSync(join(tmpdir(), 'norn-bench-'));
  const [kafka, clickhouse, postgres, ports] = await Promise.all([
    startKafka({ isBrief: false, ...(plain ? { properties: plainBus } : {}) }),
    startClickHouse(),
    startPostgres(),
    freePorts(2),
  ]);
  const [ingestPort = 0, enrolPort = 0] = ports;
  const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content, { mode: 0o600 });
    return join(folder, name);
  };
  const environment = {
    ...(plain ? { NORN_KAFKA_BROKERS: kafka.brokers } : kafka.environmentOf('prepare')),
    NORN_INGEST_PORT: String(ingestPort),
    NORN_ENROL_PORT: String(enrolPort),
    NORN_POSTGRES_URL: postgres.url,
    NORN_POSTGRES_PASSWORD_FILE: file('postgres.password', postgres.password),
    NORN_CLICKHOUSE_URL: clickhouse.url,
    NORN_CLICKHOUSE_WRITER_PASSWORD_FILE: file('writer.password', clickhouse.writerPassword),
    NORN_SECRETS_DIR: join(folder, 'secrets'),
    NORN_TENANT_EVENTS_PER_SECOND_MAX: '10000000',
    NORN_STORAGE_LINGER_MS: '1000',
    NORN_LOG_LEVEL: 'warn',
    NORN_TRACE_FILE: join(folder, 'spans.jsonl'),
  };
  await ensureTopics({ ...(plain ? { kafkaBrokers: kafka.brokers } : kafka.bus), kafkaPartitions: 2 });
  const secrets = await makeSecrets();
  writeSecrets(environment.NORN_SECRETS_DIR, secrets);
  const control = await createControlStore({ postgresUrl: postgres.urlWithPassword });
  await ensureTenant(control.manager, tenantId);
  const identities = await Promise.all(Array.from({ length: hostCount }, () => issueIdentity(secrets, { tenantId })));
  for (const { hostId } of identities) {
    await control.manager.insert(Host, { id: hostId, tenantId, name: hostId, machineId: hostId });
  }
  const reader = createReader(
    {
      clickhouseUrl: clickhouse.url,
      clickhouseDatabase: clickhouse.database,
      clickhouseReaderPasswordFile: file('reader.password', clickhouse.readerPassword),
    },
    tenantId,
  );
  return {
    environment,
    ingestPort,
    authorityPem: secrets.authorityCertPem,
    identities,
    kafkaPid: kafka.pid,
    clickhousePid: clickhouse.pid,
    spansWritten: (): number => readFileSync(environment.NORN_TRACE_FILE, 'utf8').split('\n').length - 1,
    storedEvents: async (): Promise<number> => {
      const [row] = await reader.select<{ events: string }>({ select: ['count() AS events'], from: 'events' });
      return Number(row?.events ?? 0);
    },
    close: async (): Promise<void> => {
      await reader.close();
      await control.destroy();
      await Promise.all([kafka.stop(), clickhouse.stop(), postgres.stop()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
