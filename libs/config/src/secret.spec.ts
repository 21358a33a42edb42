import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSecret } from './secret.ts';

describe('a secret', () => {
  const folder = mkdtempSync(join(tmpdir(), 'norn-secret-'));
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('is what its file holds', () => {
    writeFileSync(join(folder, 'a'), 'open sesame\n');
    expect(readSecret(join(folder, 'a'))).toBe('open sesame\n');
  });

  it('that is not there is named, with where to look', () => {
    expect(() => readSecret(join(folder, 'b'))).toThrow(/^A secret can not be read .*\/b'.*NORN_SECRETS_DIR/);
  });
});
