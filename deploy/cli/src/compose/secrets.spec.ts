import { X509Certificate, createPrivateKey, createPublicKey } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority } from '@norn/embedded/certificates';
import { makeServiceSecrets } from './secrets.ts';

describe('the secrets of an installation of separate services', () => {
  const folder = join(mkdtempSync(join(tmpdir(), 'norn-secrets-')), 'secrets');
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
  const certificate = (name: string): X509Certificate => new X509Certificate(read(`${name}.cert.pem`));
  const make = () =>
    makeServiceSecrets(folder, { ingest: ['in.example'], stores: (store) => [`norn-${store}.norn.svc`] });

  beforeAll(make);
  afterAll(() => {
    rmSync(join(folder, '..'), { recursive: true });
  });

  it('name each store and ingest as they are reached', () => {
    expect(certificate('ingest').checkHost('in.example')).toBe('in.example');
    for (const store of ['kafka', 'clickhouse', 'postgres']) {
      const name = `norn-${store}.norn.svc`;
      expect([certificate(store).checkHost(name), certificate(store).checkHost(store)]).toEqual([name, store]);
      expect(certificate(store).checkPrivateKey(createPrivateKey(read(`${store}.key.pem`)))).toBe(true);
    }
  });

  it('let no agent be taken for a stage: the stores have an authority of their own', () => {
    const [agents, stores] = [certificate('authority').publicKey, certificate('stores').publicKey];
    for (const name of ['kafka', 'clickhouse', 'postgres', 'stage', 'api']) {
      expect([certificate(name).verify(stores), certificate(name).verify(agents)]).toEqual([true, false]);
    }
    expect([certificate('ingest').verify(agents), certificate('ingest').verify(stores)]).toEqual([true, false]);
  });

  it('let no API be taken for a stage: it has a certificate of its own, as a client alone', () => {
    const [stage, api] = [certificate('stage'), certificate('api')];
    expect([stage.subject, api.subject]).toEqual(['CN=Norn stage', 'CN=Norn api']);
    expect(api.checkPrivateKey(createPrivateKey(read('api.key.pem')))).toBe(true);
    expect([stage.keyUsage, api.keyUsage]).toEqual([['1.3.6.1.5.5.7.3.2'], ['1.3.6.1.5.5.7.3.2']]);
  });

  it('have the public half of the command key for ingest', () => {
    const ofPair = createPublicKey(read('command.key.pem')).export({ type: 'spki', format: 'pem' });
    expect(read('command.public.pem')).toBe(ofPair);
  });

  it('stay what they are, and are their owner’s alone', async () => {
    const before = readdirSync(folder).map(read);
    await make();
    expect(readdirSync(folder).map(read)).toEqual(before);
    expect(readdirSync(folder).filter((name) => (statSync(join(folder, name)).mode & 0o777) !== 0o600)).toEqual([]);
  });

  it('are made anew between stages and stores when one is missing, all from one authority', async () => {
    const before = certificate('stores').fingerprint256;
    rmSync(join(folder, 'api.cert.pem'));
    await make();
    expect(certificate('stores').fingerprint256).not.toBe(before);
    for (const name of ['kafka', 'clickhouse', 'postgres', 'stage', 'api'])
      expect([name, certificate(name).verify(certificate('stores').publicKey)]).toEqual([name, true]);
  });

  it('are left alone when the authority of the stores is somebody else’s', async () => {
    const yours = await createAuthority('Example stores');
    writeFileSync(join(folder, 'stores.cert.pem'), yours.certificatePem);
    rmSync(join(folder, 'api.cert.pem'));
    const before = readdirSync(folder).map(read);
    await make();
    expect(readdirSync(folder).map(read)).toEqual(before);
  });
});
