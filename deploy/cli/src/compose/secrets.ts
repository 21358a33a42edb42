// The secrets of an installation of separate services: those of any, and certificates between stages and stores.
import { createPublicKey } from 'node:crypto';
import { chownSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NornError } from '@norn/base';
import { makeSecretsFolder } from '@norn/config';
import { makeSecrets, writeSecret } from '../installation/secrets.ts';
import { type LostCertificates, makeStoreCertificates } from './store-certificates.ts';

/** Who stages and stores run as in their images. */
export const imageUser = 10_001;

const commandKeyFile = 'command.key.pem';
const commandPublicFile = 'command.public.pem';

export interface SecretNames {
  /** Where agents reach ingest, besides loopback. */
  readonly ingest: readonly string[];
  /** Under which more names than its own a store is reached, e.g. `kafka` → `norn-kafka.norn.svc`. */
  readonly stores: (store: string) => readonly string[];
}

/** Makes what is missing; what is there stays. Throws as `makeSecrets` does, and `command_key_incomplete`. */
export async function makeServiceSecrets(folder: string, names: SecretNames): Promise<LostCertificates> {
  makeSecretsFolder(folder);
  const missing = (name: string): boolean => !existsSync(join(folder, name));
  // Hosts go by the one that is lost, and obey no other.
  if (missing(commandKeyFile) && !missing(commandPublicFile))
    throw new NornError(
      'command_key_incomplete',
      `${join(folder, commandKeyFile)} is missing, and its public half is there: put it back from a copy. ` +
        `To begin with another command key, remove ${commandPublicFile}, too: then each host has to join again`,
    );
  await makeSecrets(folder, names.ingest);
  if (missing(commandPublicFile)) {
    const key = createPublicKey(readFileSync(join(folder, commandKeyFile)));
    writeSecret(folder, commandPublicFile, key.export({ type: 'spki', format: 'pem' }).toString());
  }
  return makeStoreCertificates(folder, names.stores);
}

/** The files become the image's user's, who alone reads them; the folder stays whose it is. Needs root. */
export function handToImages(folder: string): void {
  for (const name of readdirSync(folder)) chownSync(join(folder, name), imageUser, imageUser);
}
