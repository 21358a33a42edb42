// The secrets of an installation of separate services: those of any, and certificates between stages and stores.
import { createPublicKey } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createAuthority } from '@norn/embedded/certificates';
import { makeSecrets, writeIssued, writeSecret } from '../installation/secrets.ts';

/** Who stages and stores run as in their images. */
export const imageUser = 10_001;

export const storeNames = ['kafka', 'clickhouse', 'postgres'] as const;

export interface SecretNames {
  /** Where agents reach ingest, besides loopback. */
  readonly ingest: readonly string[];
  /** Under which more names than its own a store is reached, e.g. `kafka` → `norn-kafka.norn.svc`. */
  readonly stores: (store: string) => readonly string[];
}

/** Makes what is missing; what is there stays. */
export async function makeServiceSecrets(folder: string, names: SecretNames): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  await makeSecrets(folder, names.ingest);
  if (!existsSync(join(folder, 'command.public.pem'))) {
    const key = createPublicKey(readFileSync(join(folder, 'command.key.pem')));
    writeSecret(folder, 'command.public.pem', key.export({ type: 'spki', format: 'pem' }).toString());
  }
  if (!existsSync(join(folder, 'stage.cert.pem'))) await makeStoreCertificates(folder, names);
}

// An authority of its own: with that of the agents, each of them could write to Kafka.
async function makeStoreCertificates(folder: string, names: SecretNames): Promise<void> {
  const authority = await createAuthority('Norn stores');
  // Its key is not kept: nobody is to be let in later.
  writeSecret(folder, 'stores.cert.pem', authority.certificatePem);
  for (const store of storeNames) {
    const reached = [store, 'localhost', ...names.stores(store)];
    // Kafka is a client of itself.
    const purposes = store === 'kafka' ? (['server', 'client'] as const) : (['server'] as const);
    writeIssued(folder, store, await authority.issue({ name: `Norn ${store}`, names: reached, purposes }));
  }
  writeIssued(folder, 'stage', await authority.issue({ name: 'Norn stage', names: [], purposes: ['client'] }));
}

/** The files become the image's user's, who alone reads them; the folder stays whose it is. Needs root. */
export function handToImages(folder: string): void {
  for (const name of readdirSync(folder)) chownSync(join(folder, name), imageUser, imageUser);
}
