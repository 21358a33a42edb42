import { X509Certificate, createPrivateKey } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeSecrets } from '../installation/secrets.ts';
import { shownKeys } from './keys-shown.ts';
import { type RotateFlags, rotateIngest } from './rotate.ts';
import { rotationsOf } from './show.ts';

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
  where: ' --folder D',
  tell: (sentence: string): void => void told.push(sentence),
  control: {
    hosts: () => Promise.resolve([]),
    note: () => Promise.resolve(),
    close: () => Promise.resolve(),
  },
};
const run = (flags: Partial<RotateFlags> = {}) => rotateIngest(folder, { wait: 0, ...flags }, running);
const read = (name: string): string => readFileSync(join(folder, name), 'utf8').trim();
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

  it('is none, and nothing is changed, when it can not be written', async () => {
    const before = read('ingest.cert.pem');
    const inTheWay = join(folder, 'ingest.previous.cert.pem.part');
    mkdirSync(inTheWay);
    await expect(run()).rejects.toMatchObject({ code: 'secret_not_written' });
    rmdirSync(inTheWay);
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

describe("a rotation of ingest's certificate", () => {
  const [key, cert, keptKey, keptCert] = ['', 'previous.'].flatMap((kind) => [
    `ingest.${kind}key.pem`,
    `ingest.${kind}cert.pem`,
  ]) as [string, string, string, string];
  const next = './norn secrets rotate ingest --folder D';
  const unfinished = { code: 'rotation_unfinished', message: expect.stringContaining(next) };
  const put = (name: string, content: string): void => {
    writeFileSync(join(folder, name), content);
  };

  it('is refused while there is a way back, and says how to end it', async () => {
    const first = read(cert);
    await run();
    const second = read(cert);
    const message = expect.stringContaining(`end it with ${next} --finish, or go back with --back`);
    for (const force of [false, true])
      await expect(run({ force })).rejects.toMatchObject({ code: 'rotation_unfinished', message });
    expect([read(cert), read(keptCert)]).toEqual([second, first]);
    await run({ back: true });
    await expect(run()).rejects.toMatchObject(unfinished);
    expect([read(cert), read(keptCert)]).toEqual([first, second]);
    await run({ finish: true });
    await run();
    expect(read(keptCert)).toBe(first);
  });

  it('is shown until it is finished, and is not finished twice', async () => {
    const state = () => shownKeys(folder, rotationsOf(folder)).find(({ key: name }) => name === 'ingest')?.state;
    await run();
    expect(state()).toBe('in use; the other one is kept');
    expect(told.at(-1)).toContain(`--finish lets it go (${next} --finish)`);
    await run({ finish: true });
    expect([state(), readdirSync(folder).filter((name) => name.includes('previous'))]).toEqual(['', []]);
    await expect(run({ finish: true })).rejects.toMatchObject({ code: 'nothing_to_finish' });
  });

  it.each(['before either half', 'between the halves'])('that was interrupted %s is gone on with', async (when) => {
    const [oldKey, old] = [read(key), read(cert)];
    await run();
    put(cert, old);
    if (when === 'before either half') put(key, oldKey);
    await run();
    expect([fits('ingest'), fits('ingest.previous'), read(keptCert), read(keptKey)]).toEqual([true, true, old, oldKey]);
    expect(read(cert)).not.toBe(old);
  });

  it('that was interrupted between the halves goes back, and loses the only whole one by no --finish', async () => {
    const old = read(cert);
    await run();
    put(cert, old);
    await expect(run({ finish: true })).rejects.toMatchObject(unfinished);
    await run({ back: true });
    expect([fits('ingest'), read(cert), readdirSync(folder).includes(keptCert)]).toEqual([true, old, false]);
  });

  it('that was interrupted on its way back is gone on with', async () => {
    const [oldKey, old] = [read(key), read(cert)];
    await run();
    put(key, oldKey);
    await run({ back: true });
    expect([fits('ingest'), read(cert), readdirSync(folder).includes(keptCert)]).toEqual([true, old, false]);
  });
});
