// The stores as they run for stages on other machines: by TLS alone, Kafka and ClickHouse for those with a certificate alone.
// @norn-strict
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createAuthority, type Issued } from '@norn/embedded/certificates';
import { freePorts, openTlsFront, startKafka, startPostgres, type Exposure, type Part } from '@norn/embedded';
import { startClickHouse, type TestClickHouse } from '@norn/testkit';
import { Kafka, logLevel } from 'kafkajs';
import pg from 'pg';

const name = 'localhost';
const home = mkdtempSync('/tmp/norn-tls-');
chmodSync(home, 0o711); // PostgreSQL's user passes through.
const file = (base: string): string => join(home, base);
let ca: string;
let stage: Issued;
let exposure: Exposure;

beforeAll(async () => {
  const authority = await createAuthority('Norn stores');
  const issued = await authority.issue({ name: 'store', names: [name], purposes: ['server', 'client'] });
  stage = await authority.issue({ name: 'stage', names: [], purposes: ['client'] });
  ca = authority.certificatePem;
  const write = (base: string, content: string): string => {
    writeFileSync(file(base), content, { mode: 0o600 });
    return file(base);
  };
  exposure = {
    name,
    keyFile: write('store.key.pem', issued.keyPem),
    certificateFile: write('store.cert.pem', issued.certificatePem),
    authorityFile: write('stores.cert.pem', ca),
  };
});

/** One that comes from this address, whatever it is told to connect to. */
function socketFrom(localAddress: string): Socket {
  const socket = new Socket();
  const connect = socket.connect.bind(socket);
  const connectFrom = (port: number, host: string): Socket => connect({ port, host, localAddress });
  return Object.assign(socket, { connect: connectFrom });
}

afterAll(() => {
  rmSync(home, { recursive: true });
});

describe('Kafka by TLS', () => {
  let part: Part & { readonly brokers: string };
  beforeAll(async () => {
    const [broker = 0, controller = 0] = await freePorts(2);
    part = await startKafka({
      home,
      ports: { broker, controller },
      identity: exposure,
      exposedAs: exposure.name,
      administrators: ['store', 'stage'],
    });
  });
  afterAll(() => part.stop());

  const topicsAs = async (ssl: object | boolean): Promise<string[]> => {
    const retry = { retries: 0 };
    const kafka = new Kafka({ brokers: [part.brokers], ssl, retry, logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    try {
      await admin.connect();
      return await admin.listTopics();
    } finally {
      await admin.disconnect();
    }
  };

  it('lets in who has a certificate of its authority', async () => {
    expect(part.brokers.startsWith('localhost:')).toBe(true);
    expect(await topicsAs({ ca, cert: stage.certificatePem, key: stage.keyPem })).toEqual([]);
  });

  it('refuses who has none, who has one of another authority, and who speaks plain', async () => {
    const other = await (
      await createAuthority('Norn stores')
    ).issue({ name: 'stage', names: [], purposes: ['client'] });
    await expect(topicsAs({ ca })).rejects.toThrow();
    await expect(topicsAs({ ca, cert: other.certificatePem, key: other.keyPem })).rejects.toThrow();
    await expect(topicsAs(false)).rejects.toThrow();
  });
});

describe('PostgreSQL by TLS', () => {
  let part: Part;
  let port: number;
  beforeAll(async () => {
    [port = 0] = await freePorts(1);
    part = await startPostgres({ home, port, password: 'secret', exposure });
  });
  afterAll(() => part.stop());

  const isEncrypted = async (ssl: object | boolean, from: string): Promise<boolean> => {
    const stream = (): Socket => socketFrom(from);
    const client = new pg.Client({ host: name, port, user: 'norn', password: 'secret', database: 'norn', ssl, stream });
    await client.connect();
    try {
      const { rows } = await client.query<{ ssl: boolean }>('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
      return rows[0]?.ssl === true;
    } finally {
      await client.end();
    }
  };

  it('answers under the name in its certificate', async () => {
    expect(await isEncrypted({ ca }, '127.0.0.2')).toBe(true);
  });

  it.each(['127.0.0.1', '127.0.0.2'])('refuses who speaks plain from %s', async (from) => {
    await expect(isEncrypted(false, from)).rejects.toThrow(/no pg_hba.conf entry/);
  });
});

describe('ClickHouse by TLS', () => {
  let engine: TestClickHouse;
  let front: Awaited<ReturnType<typeof openTlsFront>>;
  let outside: number;
  beforeAll(async () => {
    engine = await startClickHouse();
    [outside = 0] = await freePorts(1);
    front = await openTlsFront({ ports: { outside, inside: Number(new URL(engine.url).port) }, exposure });
  });
  afterAll(async () => {
    front.close();
    await engine.stop();
  });

  const ask = (path: string, trusted: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const shown = { cert: stage.certificatePem, key: stage.keyPem };
      const options = { host: name, port: outside, path, ca: trusted, ...shown, agent: false };
      const headers = { 'X-ClickHouse-User': 'norn_writer', 'X-ClickHouse-Key': engine.writerPassword };
      request({ ...options, headers }, (response) => void text(response).then(resolve, reject))
        .once('error', reject)
        .end();
    });

  it('answers a query through its front', async () => {
    expect(await ask('/?query=SELECT%2040%2B2', ca)).toBe('42\n');
  });

  it('is not believed by who trusts another authority', async () => {
    const other = await createAuthority('Norn stores');
    await expect(ask('/ping', other.certificatePem)).rejects.toThrow(/certificate/);
  });
});
