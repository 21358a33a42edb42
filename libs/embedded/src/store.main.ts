// One of the three stores as a process of its own, for others than this machine: `store.main.ts kafka|clickhouse|postgres`.
// State in NORN_HOME, keys and passwords in NORN_SECRETS_DIR. It ends when the store does, or by SIGTERM.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, NornError } from '@norn/base';
import { loadConfig, settings } from '@norn/config';
import { z } from 'zod';
import { startClickHouse } from './clickhouse/clickhouse.ts';
import { openTlsFront, type Exposure } from './exposure.ts';
import { startKafka } from './kafka/kafka.ts';
import type { Part } from './process/part.ts';
import { startPostgres } from './postgres/postgres.ts';

const schema = z.object({ home: settings.home, secretsDir: settings.secretsDir, storeName: settings.storeName });
/** There as long as the store answers; for whoever looks after its container. */
const readyFile = '/tmp/norn-store.ready';
type StoreConfig = z.output<typeof schema>;

/** The ports that each is known for; what stands behind 127.0.0.1 is nobody else's. */
const ports = {
  kafka: { broker: 9093, controller: 9094 },
  clickhouse: { outside: 8443, inside: 8123 },
  postgres: 5432,
} as const;

/** As `norn secrets` names them: the broker itself, and the stages, which share one certificate there. */
const administrators = ['Norn kafka', 'Norn stage'];

const stores: Readonly<Record<string, (config: StoreConfig) => Promise<Part>>> = {
  kafka: (config) => {
    const exposure = exposureOf('kafka', config);
    const { home } = config;
    return startKafka({ home, ports: ports.kafka, identity: exposure, exposedAs: exposure.name, administrators });
  },
  clickhouse: async (config) => {
    const { outside, inside } = ports.clickhouse;
    const part = await startClickHouse({
      home: config.home,
      port: inside,
      writerPassword: secret(config, 'clickhouse-writer.password'),
      readerPassword: secret(config, 'clickhouse-reader.password'),
    });
    await openTlsFront({ ports: { outside, inside }, exposure: exposureOf('clickhouse', config) });
    return part;
  },
  postgres: (config) =>
    startPostgres({
      home: config.home,
      port: ports.postgres,
      password: secret(config, 'postgres.password'),
      exposure: exposureOf('postgres', config),
    }),
};

function exposureOf(store: string, { secretsDir, storeName }: StoreConfig): Exposure {
  const file = (name: string): string => join(secretsDir, name);
  return {
    name: storeName === '' ? store : storeName,
    keyFile: file(`${store}.key.pem`),
    certificateFile: file(`${store}.cert.pem`),
    authorityFile: file('stores.cert.pem'),
  };
}

function secret({ secretsDir }: StoreConfig, name: string): string {
  return readFileSync(join(secretsDir, name), 'utf8').trim();
}

async function main(name: string): Promise<void> {
  const start = stores[name];
  if (!start) throw new NornError('store_unknown', `"${name}" is none of ${Object.keys(stores).join(', ')}`);
  // PostgreSQL listens while it recovers: that something does says little.
  rmSync(readyFile, { force: true });
  const part = await start(loadConfig(schema));
  writeFileSync(readyFile, '');
  process.stdout.write(`${name} is ready\n`);
  const stopped = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
  });
  const ended = part.exited.then((ending) => {
    throw new NornError('part_ended', `${name} ended by itself with ${ending}; see its log below NORN_HOME`);
  });
  // A part does not keep the process that started it alive.
  const stay = setInterval(() => undefined, 2 ** 30);
  await Promise.race([ended, stopped]);
  clearInterval(stay);
  await part.stop();
}

try {
  await main(process.argv[2] ?? '');
  process.exit(0);
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exit(1);
}
