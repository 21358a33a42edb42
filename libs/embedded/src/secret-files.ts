// Secrets as files: readable by their owner alone, whole or not there.
import { closeSync, fchownSync, fstatSync, fsyncSync, openSync, renameSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Issued } from './certificates.ts';

const ownerOnly = 0o600;

/** `<name>.key.pem` and `<name>.cert.pem`. */
export function writeIssued(folder: string, name: string, { keyPem, certificatePem }: Issued): void {
  writeSecret(folder, `${name}.key.pem`, keyPem);
  writeSecret(folder, `${name}.cert.pem`, certificatePem);
}

/** Whole or not at all. One that is replaced stays whose it was: a stage of another user goes on reading it. */
export function writeSecret(folder: string, name: string, content: string): void {
  const file = join(folder, name);
  const unfinished = `${file}.part`;
  const before = statSync(file, { throwIfNoEntry: false });
  const descriptor = openSync(unfinished, 'w', ownerOnly);
  writeSync(descriptor, content);
  if (before !== undefined && before.uid !== fstatSync(descriptor).uid) fchownSync(descriptor, before.uid, before.gid);
  fsyncSync(descriptor);
  closeSync(descriptor);
  renameSync(unfinished, file);
}
