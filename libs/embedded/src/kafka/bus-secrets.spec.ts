import { X509Certificate, createPrivateKey } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeBusSecrets } from './bus-secrets.ts';

describe('the certificates of the bus', () => {
  let folder: string;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'norn-bus-secrets-'));
    await make('ingest', 'storage');
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const make = (...identities: string[]): Promise<void> => makeBusSecrets(folder, { identities, names: ['kafka'] });
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
  const certificate = (name: string): X509Certificate => new X509Certificate(read(`${name}.cert.pem`));
  const all = (): Record<string, string> => Object.fromEntries(readdirSync(folder).map((name) => [name, read(name)]));

  it('are of one authority whose key is nowhere, each with the name that rights are for', () => {
    for (const name of ['broker', 'ingest', 'storage']) {
      const one = certificate(`bus-${name}`);
      expect(one.subject).toBe(`CN=norn-${name}`);
      expect(one.verify(certificate('bus').publicKey)).toBe(true);
      expect(one.checkPrivateKey(createPrivateKey(read(`bus-${name}.key.pem`)))).toBe(true);
    }
    expect(readdirSync(folder)).not.toContain('bus.key.pem');
    expect(certificate('bus-broker').checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate('bus-broker').checkHost('kafka')).toBe('kafka');
    expect(certificate('bus-ingest').checkHost('localhost')).toBeUndefined();
  });

  it('are their owner’s alone', () => {
    expect(readdirSync(folder).filter((name) => (statSync(join(folder, name)).mode & 0o777) !== 0o600)).toEqual([]);
  });

  it('stay what they are when made again', async () => {
    const before = all();
    await make('ingest', 'storage');
    expect(all()).toEqual(before);
  });

  it.each(['bus.cert.pem', 'bus-broker.key.pem', 'bus-storage.cert.pem'])(
    'are all made anew when %s is missing',
    async (missing) => {
      const before = all();
      rmSync(join(folder, missing));
      await make('ingest', 'storage');
      expect(Object.keys(all())).toEqual(Object.keys(before));
      for (const [name, content] of Object.entries(all())) expect(content).not.toBe(before[name]);
      expect(certificate('bus-ingest').verify(certificate('bus').publicKey)).toBe(true);
    },
  );

  it('are all made anew when a stage is added', async () => {
    await make('ingest', 'storage', 'reports');
    for (const name of ['ingest', 'reports'])
      expect(certificate(`bus-${name}`).verify(certificate('bus').publicKey)).toBe(true);
  });
});
