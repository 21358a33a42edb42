import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pemBlocks } from './pem.ts';
import { readSecret } from './secret.ts';
import { WatchedSecrets } from './watched-secrets.ts';

describe('secrets that change', () => {
  const secretsDir = mkdtempSync(join(tmpdir(), 'norn-watched-'));
  const file = join(secretsDir, 'a');
  const put = (content: string): void => {
    writeFileSync(`${file}.part`, content);
    renameSync(`${file}.part`, file);
  };
  afterAll(() => {
    rmSync(secretsDir, { recursive: true });
  });

  it('are read when their files are others, and what is of no use is left and told once', () => {
    put('1');
    const errors: unknown[] = [];
    const read = (): number => {
      const value = Number(readSecret(file));
      if (Number.isNaN(value)) throw new RangeError('no number');
      return value;
    };
    const watched = new WatchedSecrets({
      secretsDir,
      files: ['a', 'b'],
      read,
      onUnread: (error) => errors.push(error),
    });
    expect([watched.refresh(), watched.current]).toEqual([false, 1]);
    put('2');
    expect([watched.refresh(), watched.refresh(), watched.current]).toEqual([true, false, 2]);
    put('x');
    expect([watched.refresh(), watched.refresh(), watched.current, errors.length]).toEqual([false, false, 2, 1]);
    put('3');
    expect([watched.refresh(), watched.current]).toEqual([true, 3]);
  });

  it('may stand one after the other in a file', () => {
    const one = '-----BEGIN PRIVATE KEY-----\nYQ==\n-----END PRIVATE KEY-----\n';
    expect(pemBlocks(`${one}\n# a word\n${one}`)).toEqual([one, one]);
    expect(pemBlocks('nothing')).toEqual([]);
  });
});
