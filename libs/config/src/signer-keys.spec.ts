// The signers' keys: made once, added to, read back.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeSignerKeys, readSignerKey, readSigners, signerKeyFile, signers } from './signer-keys.ts';
import { SignerRing } from './signer-ring.ts';

describe('the keys of those who sign', () => {
  const folder = mkdtempSync(join(tmpdir(), 'norn-signers-'));
  const list = join(folder, 'signers.json');
  const fail = (error: unknown): never => {
    throw error;
  };
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('are one a signer, for their owner alone, and stay', () => {
    makeSignerKeys(folder);
    const before = readFileSync(list, 'utf8');
    makeSignerKeys(folder);
    expect(readFileSync(list, 'utf8')).toBe(before);
    expect(statSync(join(folder, signerKeyFile('api'))).mode & 0o777).toBe(0o600);
    const known = readSigners(folder);
    for (const signer of signers)
      expect(known.filter((key) => key.signer === signer).map(({ keyId }) => keyId)).toEqual([
        readSignerKey(folder, signer).keyId,
      ]);
  });

  it('have another beside them when the private half was removed, which running stages find', () => {
    const ring = new SignerRing(folder, fail);
    const old = readSignerKey(folder, 'detection').keyId;
    rmSync(join(folder, signerKeyFile('detection')));
    makeSignerKeys(folder);
    const made = readSignerKey(folder, 'detection').keyId;
    expect(made).not.toBe(old);
    expect(ring.find(made)?.signer).toBe('detection');
    expect(ring.find(old)?.signer).toBe('detection');
    expect(ring.of('detection')).toHaveLength(2);
    expect(ring.find('0'.repeat(16))).toBeUndefined();
  });

  it('are refused by name when they are no keys, and what was read before stays good', () => {
    const errors: unknown[] = [];
    const ring = new SignerRing(folder, (error) => {
      errors.push(error);
    });
    const known = readSignerKey(folder, 'ingest').keyId;
    writeFileSync(list, '{"keys":[{"signer":"nobody","publicKey":""}]}');
    expect(() => readSigners(folder)).toThrow(/signers\.json is not usable .*`\.\/norn up`/s);
    expect(() => {
      makeSignerKeys(folder);
    }).toThrow(/not usable/);
    expect(ring.find('1'.repeat(16))).toBeUndefined();
    expect(errors).toHaveLength(1);
    expect(ring.find(known)?.signer).toBe('ingest');
    rmSync(list);
    expect(() => readSigners(folder)).toThrow(/can not be read/);
    makeSignerKeys(folder);
    expect(readSigners(folder).map(({ keyId }) => keyId)).toContain(known);
  });
});
