import { X509Certificate, createPrivateKey } from 'node:crypto';
import { chmodSync, chownSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeSecrets } from '../installation/secrets.ts';
import { type RotateFlags, rotateIngest } from './rotate.ts';

let folder: string;
let told: string[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'norn-ingest-certificate-'));
  told = [];
  await makeSecrets(folder, ['ingest']);
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const running = {
  settleMs: 0,
  tell: (sentence: string): void => void told.push(sentence),
  control: {
    hosts: () => Promise.resolve([]),
    note: () => Promise.resolve(),
    close: () => Promise.resolve(),
  },
};
const run = (flags: Partial<RotateFlags> = {}) => rotateIngest(folder, { wait: 0, ...flags }, running);
const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
const fits = (name: string): boolean =>
  new X509Certificate(read(`${name}.cert.pem`)).checkPrivateKey(createPrivateKey(read(`${name}.key.pem`)));

describe("ingest's certificate of before", () => {
  const whose = (name: string): number[] => {
    const { uid, gid, mode } = statSync(join(folder, name));
    return [uid, gid, mode & 0o7777];
  };

  it('belongs to whom the one in use does, and is read by whom that is', async () => {
    for (const name of ['ingest.key.pem', 'ingest.cert.pem']) {
      chmodSync(join(folder, name), 0o640);
      // Only root may give a file to somebody else.
      if (process.getuid?.() === 0) chownSync(join(folder, name), 10_001, 10_001);
    }
    const before = whose('ingest.key.pem');
    for (const flags of [{}, { back: true }]) {
      await run(flags);
      for (const name of ['ingest', 'ingest.previous'])
        expect([whose(`${name}.key.pem`), whose(`${name}.cert.pem`)]).toEqual([before, before]);
    }
  });

  it('is none, and nothing is changed, when the disk is full', async () => {
    const before = read('ingest.cert.pem');
    symlinkSync('/dev/full', join(folder, 'ingest.previous.cert.pem.part'));
    await expect(run()).rejects.toMatchObject({ code: 'disk_full' });
    expect(readdirSync(folder).filter((name) => /previous|part/.test(name))).toEqual([]);
    expect([read('ingest.cert.pem'), fits('ingest')]).toEqual([before, true]);
  });

  it('is not there when a half of the one in use is missing, and that half is named', async () => {
    rmSync(join(folder, 'ingest.key.pem'));
    const refused = { code: 'secret_missing', message: expect.stringContaining('ingest.key.pem') };
    await expect(run()).rejects.toMatchObject(refused);
    expect(readdirSync(folder)).not.toContain('ingest.previous.cert.pem');
  });
});
