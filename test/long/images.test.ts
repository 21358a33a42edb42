// Each image by itself, as an orchestrator runs it: the stores come up under their names, preparing them twice is as once, stages work with
// them and say what is wrong when they can not. Containers by Testcontainers; nothing is pulled.
// @norn-strict
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, chownSync } from 'node:fs';
import { Agent } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@clickhouse/client';
import { handToImages, makeServiceSecrets, provideImage } from '@norn/cli';
import { ensureDocker } from '@norn/testkit';
import pg from 'pg';
import { GenericContainer, Network, Wait, type StartedNetwork, type StartedTestContainer } from 'testcontainers';

/** Images are built when there are none. */
const buildWithinMs = 1_200_000;
const startWithinMs = 120_000;
const imageUser = 10_001;
const healthy = '/usr/local/bin/node /norn/deploy/runtime/healthy.mjs';
const ports = { kafka: 9093, clickhouse: 8443, postgres: 5432 } as const;

// Its reaper is an image that would have to be pulled; what is started here is ended here.
process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true';

type Store = keyof typeof ports;

const folder = mkdtempSync(join(tmpdir(), 'norn-images-'));
const secrets = join(folder, 'secrets');
const running = new Map<string, StartedTestContainer>();
let network: StartedNetwork;
let images: { readonly pipeline: string; readonly stores: string };

beforeAll(async () => {
  await ensureDocker();
  const tell = (line: string): void => {
    process.stderr.write(`${line}\n`);
  };
  images = { pipeline: await provideImage('pipeline', tell), stores: await provideImage('stores', tell) };
  await makeServiceSecrets(secrets, { ingest: [], stores: () => [] });
  handToImages(secrets);
  chownSync(secrets, imageUser, imageUser);
  network = await new Network().start();
  await Promise.all((['kafka', 'clickhouse', 'postgres'] as const).map(startStore));
}, buildWithinMs);

afterAll(async () => {
  await Promise.all([...running.values()].map((one) => one.stop()));
  await network.stop();
  rmSync(folder, { recursive: true, force: true });
}, startWithinMs);

/** As the charts and compose run each: no rights, secrets from outside, what it stores in a folder of its own. */
function container(image: string): GenericContainer {
  return new GenericContainer(image)
    .withNetwork(network)
    .withDroppedCapabilities('ALL')
    .withSecurityOpt('no-new-privileges:true')
    .withBindMounts([{ source: secrets, target: '/run/secrets', mode: 'ro' }])
    .withStartupTimeout(startWithinMs);
}

async function startStore(name: Store): Promise<void> {
  const data = join(folder, name);
  mkdirSync(data, { recursive: true });
  chownSync(data, imageUser, imageUser);
  const started = await container(images.stores)
    .withCommand([name])
    .withNetworkAliases(name)
    .withBindMounts([
      { source: secrets, target: '/run/secrets', mode: 'ro' },
      { source: data, target: '/data', mode: 'rw' },
    ])
    .withExposedPorts(ports[name])
    .withWaitStrategy(Wait.forSuccessfulCommand(`${healthy} store`))
    .start();
  running.set(name, started);
}

const settings = {
  NORN_KAFKA_BROKERS: 'kafka:9093',
  NORN_KAFKA_TLS: 'true',
  NORN_KAFKA_CERTIFICATE_FILE: '/run/secrets/stage.cert.pem',
  NORN_KAFKA_KEY_FILE: '/run/secrets/stage.key.pem',
  NORN_CLICKHOUSE_URL: 'https://clickhouse:8443',
  NORN_CLICKHOUSE_CERTIFICATE_FILE: '/run/secrets/stage.cert.pem',
  NORN_CLICKHOUSE_KEY_FILE: '/run/secrets/stage.key.pem',
  NORN_CLICKHOUSE_WRITER_PASSWORD_FILE: '/run/secrets/clickhouse-writer.password',
  NORN_CLICKHOUSE_READER_PASSWORD_FILE: '/run/secrets/clickhouse-reader.password',
  NORN_POSTGRES_URL: 'postgres://norn@postgres:5432/norn?sslmode=verify-full',
  NORN_POSTGRES_PASSWORD_FILE: '/run/secrets/postgres.password',
  NORN_PUBLIC_URL: 'http://127.0.0.1:7400',
  NODE_EXTRA_CA_CERTS: '/run/secrets/stores.cert.pem',
};

function stage(program: string, changed: Readonly<Record<string, string>> = {}): GenericContainer {
  return container(images.pipeline)
    .withCommand([`/norn/${program}/src/main.ts`])
    .withEnvironment({ ...settings, ...changed });
}

/** Runs to its end; throws with what it printed when that is not 0. */
async function prepare(): Promise<void> {
  const done = await stage('deploy/prepare').withWaitStrategy(Wait.forOneShotStartup()).start();
  await done.stop();
}

const secret = (name: string): string => readFileSync(join(secrets, name), 'utf8').trim();
const portOf = (name: Store): number => running.get(name)?.getMappedPort(ports[name]) ?? 0;

async function inPostgres<Row extends pg.QueryResultRow>(query: string): Promise<Row[]> {
  const ssl = { ca: secret('stores.cert.pem') };
  const [port, password] = [portOf('postgres'), secret('postgres.password')];
  const client = new pg.Client({ host: 'localhost', port, user: 'norn', password, database: 'norn', ssl });
  await client.connect();
  try {
    return (await client.query<Row>(query)).rows;
  } finally {
    await client.end();
  }
}

async function inClickHouse<Row>(query: string): Promise<Row[]> {
  const client = createClient({
    url: `https://localhost:${portOf('clickhouse')}`,
    username: 'norn_writer',
    password: secret('clickhouse-writer.password'),
    database: 'norn',
    http_agent: new Agent({ ca: secret('stores.cert.pem'), cert: secret('api.cert.pem'), key: secret('api.key.pem') }),
  });
  try {
    return await (await client.query({ query, format: 'JSONEachRow' })).json<Row>();
  } finally {
    await client.close();
  }
}

/** What preparing made: tables of both databases, and people. */
async function prepared(): Promise<object> {
  const tables = "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1";
  return {
    postgres: await inPostgres<{ name: string }>(tables),
    clickhouse: await inClickHouse('SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name'),
    tenants: await inPostgres('SELECT id FROM tenants ORDER BY id'),
    users: await inPostgres('SELECT id, role FROM users ORDER BY id'),
  };
}

async function printed(one: StartedTestContainer): Promise<string> {
  let text = '';
  for await (const chunk of await one.logs()) text += String(chunk);
  return text;
}

describe('the images', () => {
  it('prepare stores once, however often they are asked to', async () => {
    await prepare();
    const once = await prepared();
    expect(once).toMatchObject({
      postgres: expect.arrayContaining([{ name: 'tenants' }]),
      clickhouse: expect.arrayContaining([{ name: 'events' }]),
      tenants: [{ id: 'default' }],
    });
    await prepare();
    expect(await prepared()).toEqual(once);
  });

  it.each(['postgres', 'clickhouse', 'kafka'] as const)(
    'keep what %s stores when its container is another',
    async (name) => {
      const before = await prepared();
      await running.get(name)?.stop();
      running.delete(name);
      await startStore(name);
      expect(await prepared()).toEqual(before);
    },
    180_000,
  );

  it('run a stage as nobody, that answers people and asks who they are', async () => {
    const api = await stage('services/api', {
      NORN_CLICKHOUSE_CERTIFICATE_FILE: '/run/secrets/api.cert.pem',
      NORN_CLICKHOUSE_KEY_FILE: '/run/secrets/api.key.pem',
    })
      .withExposedPorts(7400)
      .withWaitStrategy(Wait.forSuccessfulCommand(healthy))
      .start();
    running.set('api', api);
    const url = `http://127.0.0.1:${api.getMappedPort(7400)}`;
    expect(await (await fetch(url)).text()).toContain('<div id="root">');
    expect((await fetch(`${url}/api/v1/hosts`)).status).toBe(401);
    const headers = { authorization: `Bearer ${secret('api.token')}` };
    expect(await (await fetch(`${url}/api/v1/hosts`, { headers })).json()).toMatchObject({ hosts: [] });
    expect((await api.exec(['/usr/bin/id', '-u'])).output.trim()).toBe(String(imageUser));
    expect((await api.exec(['/bin/sh', '-c', 'grep CapEff /proc/1/status'])).output).toMatch(/\t0+$/m);
  });

  it('that lack a setting end at once, and name it', async () => {
    const lost = await stage('services/storage', { NORN_CLICKHOUSE_WRITER_PASSWORD_FILE: '/run/secrets/nothing' })
      .withWaitStrategy(Wait.forLogMessage('"code":"secret_missing"'))
      .start();
    running.set('lost', lost);
    expect(await printed(lost)).toMatch(/A secret can not be read .*\/run\/secrets\/nothing.*NORN_\*_FILE settings/);
    expect(execFileSync('docker', ['wait', lost.getId()], { encoding: 'utf8' }).trim()).toBe('1');
  });
});
