// Secrets as files: readable by their owner alone, whole or not there.
import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Issued } from './certificates.ts';

const ownerOnly = 0o600;

/** `<name>.key.pem` and `<name>.cert.pem`. */
export function writeIssued(folder: string, name: string, { keyPem, certificatePem }: Issued): void {
  writeSecret(folder, `${name}.key.pem`, keyPem);
  writeSecret(folder, `${name}.cert.pem`, certificatePem);
}

/** Whole or not at all. */
export function writeSecret(folder: string, name: string, content: string): void {
  const file = join(folder, name);
  const unfinished = `${file}.part`;
  const descriptor = openSync(unfinished, 'w', ownerOnly);
  writeSync(descriptor, content);
  fsyncSync(descriptor);
  closeSync(descriptor);
  renameSync(unfinished, file);
}
