// The keys with which stages sign what they write: a private one each, in a file of its own, and the public ones of all in one file.
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NornError, messageOf } from '@norn/base';
import { z } from 'zod';
import { readSecret } from './secret.ts';
import { writeSecret } from './write-secret.ts';

/** Who has such a key. Storage and the console write nothing from which a deed follows; `deadletters` is the tool of that name, which no stage is. */
export const signers = [
  'ingest',
  'enrichment',
  'process-tree',
  'detection',
  'remediation',
  'api',
  'deadletters',
] as const;

export type Signer = (typeof signers)[number];

/** A key that somebody may sign with, or has signed with. */
export interface SignerKey {
  readonly signer: Signer;
  /** First 16 hex of SHA-256 of the public key's SPKI DER. */
  readonly keyId: string;
  readonly publicKey: KeyObject;
}

/** Public keys of all signers; a signer has several while one of them takes the place of another. */
export const signersFile = 'signers.json';

const schema = z.strictObject({
  keys: z.array(z.strictObject({ signer: z.enum(signers), publicKey: z.string().max(1_000) })).max(1_000),
});

/** Its private key; PKCS#8 PEM, Ed25519. */
export function signerKeyFile(signer: Signer): string {
  return `signing-${signer}.key.pem`;
}

/** Throws `secret_missing`, `signers_invalid`. */
export function readSignerKey(secretsDir: string, signer: Signer): { readonly keyId: string; readonly key: KeyObject } {
  const file = join(secretsDir, signerKeyFile(signer));
  const pem = readSecret(file);
  const key = ed25519(file, () => createPrivateKey(pem));
  return { key, keyId: keyIdOf(createPublicKey(pem)) };
}

/** Throws `secret_missing`, `signers_invalid`. */
export function readSigners(secretsDir: string): SignerKey[] {
  const file = join(secretsDir, signersFile);
  const text = readSecret(file);
  return parseSigners(file, text).map(({ signer, publicKey: pem }) => {
    const publicKey = ed25519(file, () => createPublicKey(pem));
    return { signer, publicKey, keyId: keyIdOf(publicKey) };
  });
}

/**
 * Makes the private keys that are missing, and adds their public halves to the file of all. What is there stays: a key whose private half
 * was removed goes on being believed, so that what it signed can be read. Throws as `writeSecrets` does.
 */
export function makeSignerKeys(secretsDir: string): void {
  const file = join(secretsDir, signersFile);
  const present = existsSync(file) ? parseSigners(file, readFileSync(file, 'utf8')) : [];
  const keys = [...present];
  for (const signer of signers) {
    const publicKey = publicHalf(secretsDir, signerKeyFile(signer));
    const isKnown = keys.some((each) => each.signer === signer && each.publicKey === publicKey);
    if (!isKnown) keys.push({ signer, publicKey });
  }
  if (keys.length > present.length) writeSecret(secretsDir, signersFile, `${JSON.stringify({ keys }, undefined, 2)}\n`);
}

function publicHalf(secretsDir: string, name: string): string {
  const file = join(secretsDir, name);
  if (!existsSync(file)) {
    const { privateKey } = generateKeyPairSync('ed25519');
    writeSecret(secretsDir, name, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  }
  return createPublicKey(readFileSync(file)).export({ type: 'spki', format: 'pem' }).toString();
}

function parseSigners(file: string, text: string) {
  try {
    return schema.parse(JSON.parse(text)).keys;
  } catch (error) {
    throw invalid(file, messageOf(error), error);
  }
}

function ed25519(file: string, read: () => KeyObject): KeyObject {
  let key;
  try {
    key = read();
  } catch (error) {
    throw invalid(file, messageOf(error), error);
  }
  if (key.asymmetricKeyType !== 'ed25519') throw invalid(file, `${String(key.asymmetricKeyType)} instead of Ed25519`);
  return key;
}

function invalid(file: string, why: string, cause?: unknown): NornError {
  const cure = 'restore it from your secret store, or remove it and `./norn up` or `./norn secrets` makes it anew';
  return new NornError('signers_invalid', `${file} is not usable (${why}): ${cure}`, { cause });
}

function keyIdOf(publicKey: KeyObject): string {
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(der).digest('hex').slice(0, 16);
}
