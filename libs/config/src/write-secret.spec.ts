import { chmodSync, chownSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeSignerKeys } from './signer-keys.ts';
import { makeSecretsFolder, writeSecret, writeSecrets } from './write-secret.ts';

/** What it throws; undefined: nothing. */
function refusalOf(work: () => void): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe('a secret that is written', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'norn-write-secret-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const whose = (name: string): number[] => {
    const { uid, gid, mode } = statSync(join(folder, name));
    return [uid, gid, mode & 0o7777];
  };

  /** Only root may give a file to somebody else. */
  const give = (name: string): void => {
    chmodSync(join(folder, name), 0o640);
    if (process.getuid?.() === 0) chownSync(join(folder, name), 10_001, 10_002);
  };

  it('is its owner’s alone', () => {
    writeSecret(folder, 'a', 'one');
    expect([readFileSync(join(folder, 'a'), 'utf8'), whose('a')[2]]).toEqual(['one', 0o600]);
  });

  it('stays whose it was, and is read by whom it was, when it is replaced', () => {
    writeSecret(folder, 'a', 'one');
    give('a');
    const before = whose('a');
    writeSecret(folder, 'a', 'two');
    expect([readFileSync(join(folder, 'a'), 'utf8'), whose('a')]).toEqual(['two', before]);
  });

  it('belongs to whom another one does, where it is like that', () => {
    writeSecret(folder, 'a', 'one');
    give('a');
    writeSecrets(folder, [{ name: 'b', content: 'before', like: 'a' }]);
    expect(whose('b')).toEqual(whose('a'));
  });

  it('leaves what was there, and nothing unfinished, on a full disk', () => {
    writeSecret(folder, 'a', 'one');
    symlinkSync('/dev/full', join(folder, 'a.part'));
    const refused = { code: 'disk_full', message: expect.stringMatching(/\/a could not be written .*free some room/) };
    const refusal = refusalOf(() => {
      writeSecret(folder, 'a', 'two');
    });
    expect(refusal).toMatchObject(refused);
    expect([readdirSync(folder), readFileSync(join(folder, 'a'), 'utf8')]).toEqual([['a'], 'one']);
  });

  it('is none of a pair whose other half could not be written', () => {
    writeSecret(folder, 'b', 'one');
    symlinkSync('/dev/full', join(folder, 'b.part'));
    const refusal = refusalOf(() => {
      writeSecrets(folder, [
        { name: 'a', content: 'two' },
        { name: 'b', content: 'two' },
      ]);
    });
    expect(refusal).toMatchObject({ code: 'disk_full', message: expect.stringContaining(join(folder, 'b')) });
    expect([readdirSync(folder), readFileSync(join(folder, 'b'), 'utf8')]).toEqual([['b'], 'one']);
  });

  it.each(['signing-ingest.key.pem', 'signers.json'])('is told of in the same way when it is %s', (name) => {
    symlinkSync('/dev/full', join(folder, `${name}.part`));
    const refusal = refusalOf(() => {
      makeSignerKeys(folder);
    });
    expect(refusal).toMatchObject({ code: 'disk_full' });
    expect(readdirSync(folder).filter((file) => file.endsWith('.part'))).toEqual([]);
  });

  it('needs a folder that can be written to, and names it', () => {
    const message = expect.stringMatching(/x\/a could not be written .*: make .*x writable for you/);
    const written = refusalOf(() => {
      writeSecret(join(folder, 'x'), 'a', 'one');
    });
    expect(written).toMatchObject({ code: 'secret_not_written', message });
    writeSecret(folder, 'a', 'one');
    const made = refusalOf(() => {
      makeSecretsFolder(join(folder, 'a'));
    });
    expect(made).toMatchObject({ code: 'secret_not_written' });
  });
});
