import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdtempSync, readFileSync } from 'node:fs';
import { readdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
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

  it('is not written to where a link leads that somebody left in its way', () => {
    const foreign = join(folder, 'of-somebody-else');
    writeSecret(folder, 'of-somebody-else', 'theirs');
    symlinkSync(foreign, join(folder, 'a.part'));
    symlinkSync(foreign, join(folder, 'a'));
    writeSecret(folder, 'a', 'one');
    expect(['of-somebody-else', 'a'].map((name) => readFileSync(join(folder, name), 'utf8'))).toEqual([
      'theirs',
      'one',
    ]);
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

describe('on a disk that gets full', () => {
  const page = 4_096;
  let folder: string;

  /** A file of a few bytes takes a page of it. */
  const mountPages = (pages: number): void => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${pages * page}`, 'norn-full-disk', folder]);
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'norn-full-disk-'));
  });
  afterEach(() => {
    execFileSync('umount', [folder]);
    rmSync(folder, { recursive: true });
  });

  it('what was there stays, and nothing unfinished', () => {
    mountPages(1);
    writeSecret(folder, 'a', 'one');
    const refusal = refusalOf(() => {
      writeSecret(folder, 'a', 'two');
    });
    const message = expect.stringMatching(/\/a could not be written .*free some room/);
    expect(refusal).toMatchObject({ code: 'disk_full', message });
    expect([readdirSync(folder), readFileSync(join(folder, 'a'), 'utf8')]).toEqual([['a'], 'one']);
  });

  it('there is none of a pair whose other half could not be written', () => {
    mountPages(2);
    writeSecret(folder, 'b', 'one');
    const refusal = refusalOf(() => {
      writeSecrets(folder, [
        { name: 'a', content: 'two' },
        { name: 'b', content: 'two' },
      ]);
    });
    expect(refusal).toMatchObject({ code: 'disk_full', message: expect.stringContaining(join(folder, 'b')) });
    expect([readdirSync(folder), readFileSync(join(folder, 'b'), 'utf8')]).toEqual([['b'], 'one']);
  });

  it.each(['signing-ingest.key.pem', 'signers.json'])('it is told in the same way when it is %s', (missing) => {
    const roomy = mkdtempSync(join(tmpdir(), 'norn-roomy-'));
    makeSignerKeys(roomy);
    const others = readdirSync(roomy).filter((name) => name !== missing);
    mountPages(others.length);
    for (const name of others) copyFileSync(join(roomy, name), join(folder, name));
    rmSync(roomy, { recursive: true });
    const refusal = refusalOf(() => {
      makeSignerKeys(folder);
    });
    expect(refusal).toMatchObject({ code: 'disk_full', message: expect.stringContaining(missing) });
    expect(readdirSync(folder).toSorted()).toEqual(others.toSorted());
  });
});
