import { X509Certificate, createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFolders, type Installation } from './installation.ts';
import { readSigners, signerKeyFile, signers } from '@norn/config';
import { makeSecrets } from './secrets.ts';

describe('the secrets of an installation', () => {
  const home = mkdtempSync(join(tmpdir(), 'norn-secrets-'));
  const installation = { home, path: (...parts: string[]) => join(home, ...parts) } as Installation;
  const read = (name: string): string => readFileSync(installation.path('secrets', name), 'utf8');

  beforeAll(async () => {
    makeFolders(installation);
    await makeSecrets(installation.path('secrets'));
  });
  afterAll(() => {
    rmSync(home, { recursive: true });
  });

  it('can be read by their owner alone', () => {
    const folder = installation.path('secrets');
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    const modes = readdirSync(folder).map((name) => [name, statSync(join(folder, name)).mode & 0o777]);
    expect(modes).toHaveLength(19);
    expect(modes.filter(([, mode]) => mode !== 0o600)).toEqual([]);
  });

  it('stay what they are when made again', async () => {
    const before = readdirSync(installation.path('secrets')).map(read);
    await makeSecrets(installation.path('secrets'));
    expect(readdirSync(installation.path('secrets')).map(read)).toEqual(before);
  });

  it("have ingest's certificate made again by the same authority", async () => {
    const [authority, before] = [read('authority.cert.pem'), read('ingest.cert.pem')];
    rmSync(installation.path('secrets', 'ingest.cert.pem'));
    await makeSecrets(installation.path('secrets'));
    expect(read('authority.cert.pem')).toBe(authority);
    expect(read('ingest.cert.pem')).not.toBe(before);
    expect(new X509Certificate(read('ingest.cert.pem')).verify(new X509Certificate(authority).publicKey)).toBe(true);
  });

  it.each(['authority.key.pem', 'authority.cert.pem'])(
    'are not made over what hosts trust when %s is lost',
    async (name) => {
      const [place, kept] = [installation.path('secrets', name), read(name)];
      rmSync(place);
      const refused = { code: 'authority_incomplete', message: expect.stringContaining(name) };
      await expect(makeSecrets(installation.path('secrets'))).rejects.toMatchObject(refused);
      writeFileSync(place, kept, { mode: 0o600 });
    },
  );

  it('have no half of an authority when the other can not be written, and are made when it can', async () => {
    const folder = join(home, 'full');
    mkdirSync(folder);
    const inTheWay = join(folder, 'authority.cert.pem.part');
    mkdirSync(inTheWay);
    await expect(makeSecrets(folder)).rejects.toMatchObject({ code: 'secret_not_written' });
    rmdirSync(inTheWay);
    expect(readdirSync(folder).filter((name) => /authority|part/.test(name))).toEqual([]);
    await makeSecrets(folder);
    expect(readdirSync(folder)).toHaveLength(19);
  });

  it.each([
    ['rsa', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['ed25519', () => generateKeyPairSync('ed25519')],
    ['secp384r1', () => generateKeyPairSync('ec', { namedCurve: 'secp384r1' })],
    ['a passphrase', () => undefined],
  ])('refuse an authority that can not issue: %s', async (kind, make) => {
    const [place, kept] = [installation.path('secrets', 'authority.key.pem'), read('authority.key.pem')];
    const locked = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' } as const;
    const pem = make()?.privateKey.export({ type: 'pkcs8', format: 'pem' }) ?? createPrivateKey(kept).export(locked);
    writeFileSync(place, pem, { mode: 0o600 });
    const refused = { code: 'authority_invalid', message: expect.stringContaining(kind) };
    await expect(makeSecrets(installation.path('secrets'))).rejects.toMatchObject(refused);
    writeFileSync(place, kept, { mode: 0o600 });
  });

  it("name ingest by loopback, under the installation's own authority", () => {
    const authority = new X509Certificate(read('authority.cert.pem'));
    const ingest = new X509Certificate(read('ingest.cert.pem'));
    expect(ingest.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(ingest.checkHost('localhost')).toBe('localhost');
    expect(ingest.verify(authority.publicKey)).toBe(true);
    expect(authority.ca && !ingest.ca).toBe(true);
    expect(ingest.checkPrivateKey(createPrivateKey(read('ingest.key.pem')))).toBe(true);
  });

  it('have a key for each that signs records, and name the public ones of all', () => {
    for (const signer of signers)
      expect(createPrivateKey(read(signerKeyFile(signer))).asymmetricKeyType).toBe('ed25519');
    const listed = readSigners(installation.path('secrets'));
    expect(listed.map(({ signer }) => signer)).toEqual([...signers]);
    expect(new Set(listed.map(({ keyId }) => keyId)).size).toBe(signers.length);
  });

  it('sign commands with Ed25519', () => {
    expect(createPrivateKey(read('command.key.pem')).asymmetricKeyType).toBe('ed25519');
  });
});
