import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { provide } from './toolchain.ts';

describe('a piece of the toolchain', () => {
  let cache: string;
  beforeEach(() => {
    cache = mkdtempSync(join(tmpdir(), 'norn-toolchain-'));
  });
  afterEach(() => {
    rmSync(cache, { recursive: true });
  });

  const piece = (content: string, onBuild: () => void) => ({
    name: 'piece',
    content: [content],
    build: (folder: string) => {
      onBuild();
      writeFileSync(join(folder, 'file'), content);
      return Promise.resolve();
    },
  });

  it('is built once by two that want it at the same moment', async () => {
    let built = 0;
    const one = piece('same', () => (built += 1));
    const folders = await Promise.all([provide(one, cache), provide(one, cache)]);
    expect(folders[0]).toBe(folders[1]);
    expect(built).toBe(1);
  });

  it('is another piece when its content changes', async () => {
    const build = (): void => undefined;
    expect(await provide(piece('old', build), cache)).not.toBe(await provide(piece('new', build), cache));
  });

  it('is not there when its build failed, and is built at the next try', async () => {
    let fail = true;
    const fragile = piece('content', () => {
      if (fail) throw new Error('no network');
    });
    await expect(provide(fragile, cache)).rejects.toThrow('no network');
    fail = false;
    expect(existsSync(join(await provide(fragile, cache), 'file'))).toBe(true);
  });
});
