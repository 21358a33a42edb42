// @norn-strict
// ClickHouse for other machines stands behind a front that ends TLS. Its HTTP server ends on some requests that are none, so nobody without a
// certificate of the stores' authority says anything to it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect as connectPlain, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { type SecureContextOptions, connect, getCACertificates, setDefaultCACertificates } from 'node:tls';
import { create, toBinary } from '@bufbuild/protobuf';
import { finding } from '@norn/contracts';
import { type Exposure, freePorts, openTlsFront } from '@norn/embedded';
import { type Authority, type Issued, createAuthority } from '@norn/embedded/certificates';
import { type ReaderConfig, type WriterConfig, createReader, createWriter } from '@norn/store';
import { type StageTrial, eventually, startStageTrial } from '../stages/stage-trial.ts';

type Config = Required<Omit<ReaderConfig & WriterConfig, 'clickhousePidFile'>>;

const folder = mkdtempSync('/tmp/norn-front-');
const file = (name: string, content: string): string => {
  writeFileSync(join(folder, name), content, { mode: 0o600 });
  return join(folder, name);
};
let authority: Authority;
let exposure: Exposure;
const identities: Record<string, Issued> = {};

beforeAll(async () => {
  authority = await createAuthority('Norn stores');
  const store = await authority.issue({ name: 'Norn clickhouse', names: ['localhost'], purposes: ['server'] });
  identities['store'] = store;
  identities['stage'] = await authority.issue({ name: 'Norn stage', names: [], purposes: ['client'] });
  const strange = await createAuthority('Norn stores');
  identities['strange'] = await strange.issue({ name: 'Norn stage', names: [], purposes: ['client'] });
  exposure = {
    name: 'localhost',
    keyFile: file('clickhouse.key.pem', store.keyPem),
    certificateFile: file('clickhouse.cert.pem', store.certificatePem),
    authorityFile: file('stores.cert.pem', authority.certificatePem),
  };
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Opens it before what is on the port `inside`. */
async function openFront(inside: number): Promise<{ readonly outside: number; close: () => void }> {
  const [outside = 0] = await freePorts(1);
  const server = await openTlsFront({ ports: { outside, inside }, exposure });
  return { outside, close: () => server.close() };
}

describe('the front of ClickHouse', () => {
  let inside: Server;
  let front: Awaited<ReturnType<typeof openFront>>;
  /** What the HTTP server would be told, by connection. */
  const heard: string[] = [];

  beforeAll(async () => {
    inside = createServer((socket) => {
      const at = heard.push('') - 1;
      socket.on('error', () => undefined);
      socket.on('data', (data) => {
        heard[at] = `${heard[at] ?? ''}${data.toString('latin1')}`;
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
      });
    });
    await new Promise<void>((resolve) => inside.listen(0, '127.0.0.1', resolve));
    front = await openFront((inside.address() as { port: number }).port);
  });
  afterAll(() => {
    front.close();
    inside.close();
  });

  /** Says it as soon as it can, and resolves with the answer when the connection has ended. */
  const say = (open: () => Socket, opened: string): Promise<string> =>
    new Promise((resolve) => {
      let answer = '';
      const socket = open();
      socket.once(opened, () => socket.write('GET /\r\n\r\n'));
      socket.on('data', (data) => (answer += data.toString('latin1')));
      socket
        .on('error', () => undefined)
        .once('close', () => {
          resolve(answer);
        });
    });
  const bySecure = (shown: SecureContextOptions): Promise<string> =>
    say(
      () => connect({ host: 'localhost', port: front.outside, ca: authority.certificatePem, ...shown }),
      'secureConnect',
    );
  const as = (name: string): SecureContextOptions => ({
    key: identities[name]?.keyPem,
    cert: identities[name]?.certificatePem,
  });

  it.each([
    ['without a certificate', () => bySecure({})],
    ['without one, by the TLS before', () => bySecure({ maxVersion: 'TLSv1.2' })],
    ['with one of another authority of the same name', () => bySecure(as('strange'))],
    ['with one that is a server’s', () => bySecure(as('store'))],
    ['that speaks plain', () => say(() => connectPlain(front.outside, 'localhost'), 'connect')],
  ])('hands on nothing of a connection %s', async (_, attempt) => {
    expect(await attempt()).not.toContain('200 OK');
    expect(heard).toEqual([]);
  });

  it('hands on what comes with a certificate of its authority', async () => {
    expect(await bySecure(as('stage'))).toContain('200 OK');
    expect(heard).toEqual(['GET /\r\n\r\n']);
  });
});

describe('the services behind which it stands', () => {
  const trusted = getCACertificates('default');
  let trial: StageTrial;
  let front: Awaited<ReturnType<typeof openFront>>;
  let config: Config;

  beforeAll(async () => {
    trial = await startStageTrial({ partitions: 1 });
    front = await openFront(Number(new URL(trial.clickhouse.url).port));
    // As NODE_EXTRA_CA_CERTS does for a process.
    setDefaultCACertificates([...trusted, authority.certificatePem]);
    config = {
      clickhouseUrl: `https://localhost:${String(front.outside)}`,
      clickhouseDatabase: trial.clickhouse.database,
      clickhouseWriterPasswordFile: file('writer', trial.clickhouse.writerPassword),
      clickhouseReaderPasswordFile: file('reader', trial.clickhouse.readerPassword),
      clickhouseCertificateFile: file('stage.cert.pem', identities['stage']?.certificatePem ?? ''),
      clickhouseKeyFile: file('stage.key.pem', identities['stage']?.keyPem ?? ''),
    };
  });
  afterAll(async () => {
    setDefaultCACertificates(trusted);
    front.close();
    await trial.close();
  });

  const events = { select: ['count() AS n'], from: 'events' } as const;

  it('write and read, and do neither without their certificate', async () => {
    await (await createWriter(config)).close();
    const reader = createReader(config, 'default');
    expect(await reader.select<{ n: number }>(events)).toEqual([{ n: 0 }]);
    await reader.close();
    const { clickhouseCertificateFile, clickhouseKeyFile, ...bare } = config;
    await expect(createWriter(bare)).rejects.toMatchObject({ code: 'store_away' });
    const stranger = createReader(bare, 'default');
    await expect(stranger.select(events)).rejects.toMatchObject({ code: 'query_failed' });
    await stranger.close();
    // A key without its certificate, a certificate without its key, and both without TLS.
    for (const half of [
      { ...bare, clickhouseCertificateFile },
      { ...bare, clickhouseKeyFile },
      { ...config, clickhouseUrl: trial.clickhouse.url },
    ])
      expect(() => createReader(half, 'default')).toThrow(/NORN_CLICKHOUSE_CERTIFICATE_FILE/);
  });

  it('are told which certificate by their settings: storage stores through the front', async () => {
    const storage = trial.stage('storage', {
      NORN_CLICKHOUSE_URL: config.clickhouseUrl,
      NORN_CLICKHOUSE_CERTIFICATE_FILE: join(folder, 'stage.cert.pem'),
      NORN_CLICKHOUSE_KEY_FILE: join(folder, 'stage.key.pem'),
      NODE_EXTRA_CA_CERTS: exposure.authorityFile,
    });
    await storage.start();
    const owner = { tenantId: 'default', hostId: 'web-1' };
    const found = create(finding.FindingSchema, {
      ...owner,
      id: 'f0'.repeat(16),
      timeUs: BigInt(Date.now()) * 1000n,
    });
    const value = toBinary(finding.FindingSchema, found);
    await trial.producer.send('findings', [{ key: 'default:web-1', value, headers: {} }]);
    const stored = () => trial.reader.select<{ id: string }>({ select: ['id'], from: 'findings' });
    expect(await eventually(stored, (rows) => rows.length > 0)).toEqual([{ id: found.id }]);
    await storage.stop();
  });
});
