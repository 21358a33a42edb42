import { X509Certificate, createPrivateKey, createPublicKey } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority } from '@norn/embedded/certificates';
import { makeServiceSecrets } from './secrets.ts';
import { lostText } from './store-certificates.ts';

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

  const all = (): Record<string, string> => Object.fromEntries(readdirSync(folder).map((name) => [name, read(name)]));
  const ofStores = ['kafka', 'clickhouse', 'postgres', 'stage', 'api'].flatMap((name) => [
    `${name}.key.pem`,
    `${name}.cert.pem`,
  ]);

  it.each(['stores.cert.pem', ...ofStores])(
    'are made anew between stages and stores when %s is missing, all from one authority, and it is named',
    async (lost) => {
      const before = all();
      rmSync(join(folder, lost));
      const made = await make();
      expect(made).toEqual({ files: [lost], areMadeAnew: true });
      expect(lostText(folder, made)).toContain(`Missing in ${folder}: ${lost}. The key of the authority`);
      const after = all();
      expect(Object.keys(after).filter((name) => after[name] !== before[name])).toEqual(
        ['stores.cert.pem', ...ofStores].toSorted(),
      );
      for (const name of ['kafka', 'clickhouse', 'postgres', 'stage', 'api'])
        expect([name, certificate(name).verify(certificate('stores').publicKey)]).toEqual([name, true]);
    },
  );

  it('have no loss to tell of when they are made first, or are all there', async () => {
    for (const name of ['stores.cert.pem', ...ofStores]) rmSync(join(folder, name));
    for (const made of [await make(), await make()]) expect(lostText(folder, made)).toBe('');
  });

  it('are as they were when one of them can not be written', async () => {
    rmSync(join(folder, 'kafka.cert.pem'));
    const [before, unfinished] = [all(), join(folder, 'api.cert.pem.part')];
    mkdirSync(unfinished);
    const made = await make().catch((error: unknown) => error);
    rmdirSync(unfinished);
    expect([made, all()]).toMatchObject([{ code: 'secret_not_written' }, before]);
    await make();
  });

  it('have no other command key beside the public half of one that is lost', async () => {
    const kept = read('command.key.pem');
    rmSync(join(folder, 'command.key.pem'));
    const before = all();
    const refused = { code: 'command_key_incomplete', message: expect.stringContaining('put it back from a copy') };
    await expect(make()).rejects.toMatchObject(refused);
    expect(all()).toEqual(before);
    writeFileSync(join(folder, 'command.key.pem'), kept);
  });

  it.each([
    [
      'stores.cert.pem is',
      ['api.cert.pem', 'stage.key.pem', 'stage.cert.pem'],
      ['stage.key.pem', 'stage.cert.pem', 'api.cert.pem'],
    ],
    [
      'what the API shows is',
      ['stores.cert.pem', 'stage.cert.pem', 'kafka.key.pem'],
      ['stores.cert.pem', 'stage.cert.pem'],
    ],
  ])(
    'are left alone when %s of somebody else’s authority, and what he has to bring is named',
    async (_, gone, files) => {
      for (const name of ['stores.cert.pem', ...ofStores]) rmSync(join(folder, name), { force: true });
      await make();
      const yours = await createAuthority('Example stores');
      const api = await yours.issue({ name: 'api', names: [], purposes: ['client'] });
      writeFileSync(join(folder, 'stores.cert.pem'), yours.certificatePem);
      writeFileSync(join(folder, 'api.cert.pem'), api.certificatePem);
      for (const name of gone) rmSync(join(folder, name), { force: true });
      const before = all();
      const made = await make();
      expect([all(), made]).toEqual([before, { files, areMadeAnew: false }]);
      expect(lostText(folder, made)).toMatch(/an authority of yours, so none is made\. Bring /);
    },
  );
});
