// The API on real databases with seeded attacks, for tests and for looking at the console: PostgreSQL, ClickHouse, people and their tokens.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { makeSignerKeys } from '@norn/config';
import { createClient } from '@clickhouse/client';
import type { Environment } from '@norn/config';
import type { RunningService } from '@norn/stage';
import { type Role, User, createControlStore, createToken, createWriter, ensureTenant } from '@norn/store';
import { type TestClickHouse, startClickHouse, startPostgres } from '@norn/testkit';
import type { DataSource } from 'typeorm';
import { type RunningApi, startApi } from '../src/api.service.ts';
import { authorityPem } from './authority.ts';
import type { Databases } from './store-attack.ts';

export interface ApiTrial extends Databases {
  readonly url: string;
  readonly service: RunningService;
  readonly clickhouse: TestClickHouse;
  /** A bearer token of a person with that role, in that tenant. */
  tokenOf(role: Role, tenantId?: string): Promise<string>;
  /** A one-time login token. */
  loginToken(role?: Role, tenantId?: string): Promise<string>;
  /** What the router answers: "get /api/v1/alerts/{id}". */
  routes(): string[];
  /** Cuts every connection to the API, as when a network goes away; it goes on listening. */
  dropConnections(): void;
  /** Shuts the API down; the databases go on. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

export interface TrialOptions {
  readonly port?: number;
  readonly consoleDir?: string;
  /** More that the API is told. */
  readonly settings?: Environment;
}

export async function startApiTrial(options: TrialOptions = {}): Promise<ApiTrial> {
  const [postgres, clickhouse] = await Promise.all([startPostgres(), startClickHouse()]);
  const secrets = mkdtempSync('/tmp/norn-test-api-');
  const file = (name: string, content: string): string => {
    writeFileSync(join(secrets, name), content, { mode: 0o600 });
    return join(secrets, name);
  };
  makeSignerKeys(secrets);
  file('authority.cert.pem', authorityPem);
  const port = options.port ?? (await freePort());
  const control = await createControlStore({ postgresUrl: postgres.urlWithPassword });
  const events = createClient({
    url: clickhouse.url,
    username: 'norn_writer',
    password: clickhouse.writerPassword,
    database: clickhouse.database,
  });
  const writer = await createWriter({
    clickhouseUrl: clickhouse.url,
    clickhouseDatabase: clickhouse.database,
    clickhouseWriterPasswordFile: file('clickhouse-writer.password', clickhouse.writerPassword),
  });
  await writer.close();
  const service = await startApi({
    ...options.settings,
    NORN_API_PORT: String(port),
    NORN_PUBLIC_URL: `http://127.0.0.1:${port}`,
    NORN_CONSOLE_DIR: options.consoleDir ?? '',
    NORN_CLICKHOUSE_URL: clickhouse.url,
    NORN_CLICKHOUSE_READER_PASSWORD_FILE: file('clickhouse-reader.password', clickhouse.readerPassword),
    NORN_POSTGRES_URL: postgres.urlWithPassword,
    NORN_POSTGRES_PASSWORD_FILE: file('postgres.password', postgres.password),
    NORN_SECRETS_DIR: secrets,
  });
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= service.close());
  return {
    url: `http://127.0.0.1:${port}`,
    service,
    clickhouse,
    control,
    events,
    tokenOf: async (role, tenantId = 'default') =>
      createToken(control.manager, 'api', {
        tenantId,
        userId: await personOf(control, role, tenantId),
        ttlMs: 3_600_000,
      }),
    loginToken: async (role = 'admin', tenantId = 'default') =>
      createToken(control.manager, 'login', {
        tenantId,
        userId: await personOf(control, role, tenantId),
        ttlMs: 900_000,
      }),
    routes: () => routesOf(service),
    dropConnections: () => {
      (service.app.getHttpServer() as { closeAllConnections(): void }).closeAllConnections();
    },
    stop,
    close: async () => {
      await stop();
      await events.close();
      await control.destroy();
      await Promise.all([postgres.stop(), clickhouse.stop()]);
      rmSync(secrets, { recursive: true, force: true });
    },
  };
}

/** The id of the one person with that role. */
async function personOf(control: DataSource, role: Role, tenantId: string): Promise<string> {
  await control.transaction((manager) => ensureTenant(manager, tenantId));
  const known = await control.manager.findOneBy(User, { tenantId, role });
  if (known !== null) return known.id;
  const [made] = await control.query<{ id: string }[]>(
    'INSERT INTO users (tenant_id, name, role) VALUES ($1, $2, $3) RETURNING id',
    [tenantId, `${role}-person`, role],
  );
  return made?.id ?? '';
}

interface RouterLayer {
  route?: { path: string; methods: Record<string, boolean> };
}

function routesOf({ app }: RunningApi): string[] {
  const { router } = app.getHttpAdapter().getInstance() as unknown as { router: { stack: RouterLayer[] } };
  return router.stack.flatMap(({ route }) => {
    if (route === undefined) return [];
    const methods = Object.keys(route.methods).filter((method) => !method.startsWith('_'));
    return methods.map((method) => `${method} ${route.path.replace(/:(\w+)/g, '{$1}')}`);
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  });
}
