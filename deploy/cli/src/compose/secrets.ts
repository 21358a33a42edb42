// The secrets of an installation of separate services: those of any, and certificates between stages and stores.
import { X509Certificate, createPublicKey } from 'node:crypto';
import { chownSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeSecretsFolder } from '@norn/config';
import { createAuthority } from '@norn/embedded/certificates';
import { makeSecrets, writeIssued, writeSecret } from '../installation/secrets.ts';

/** Who stages and stores run as in their images. */
export const imageUser = 10_001;

export const storeNames = ['kafka', 'clickhouse', 'postgres'] as const;

const authorityName = 'Norn stores';
const authorityFile = 'stores.cert.pem';
/** The API asks ClickHouse alone: with the stages' certificate it could do at Kafka what they can. */
const clients = ['stage', 'api'] as const;

export interface SecretNames {
  /** Where agents reach ingest, besides loopback. */
  readonly ingest: readonly string[];
  /** Under which more names than its own a store is reached, e.g. `kafka` → `norn-kafka.norn.svc`. */
  readonly stores: (store: string) => readonly string[];
}

/** Makes what is missing; what is there stays. */
export async function makeServiceSecrets(folder: string, names: SecretNames): Promise<void> {
  makeSecretsFolder(folder);
  await makeSecrets(folder, names.ingest);
  if (!existsSync(join(folder, 'command.public.pem'))) {
    const key = createPublicKey(readFileSync(join(folder, 'command.key.pem')));
    writeSecret(folder, 'command.public.pem', key.export({ type: 'spki', format: 'pem' }).toString());
  }
  const missing = clients.filter((client) => !existsSync(join(folder, `${client}.cert.pem`)));
  const isFirst = missing.includes('stage');
  if (isFirst || (missing.length > 0 && isOwnAuthority(folder))) await makeStoreCertificates(folder, names);
}

/** Whoever has stores of his own put their authorities in its place: those certificates are his to make. */
function isOwnAuthority(folder: string): boolean {
  const pem = readFileSync(join(folder, authorityFile), 'utf8');
  return pem.split('-----BEGIN').length === 2 && new X509Certificate(pem).subject === `CN=${authorityName}`;
}

// An authority of its own: with that of the agents, each of them could write to Kafka. What is missing when it is interrupted is made with all others.
async function makeStoreCertificates(folder: string, names: SecretNames): Promise<void> {
  const authority = await createAuthority(authorityName);
  // Its key is not kept: nobody is to be let in later.
  writeSecret(folder, authorityFile, authority.certificatePem);
  for (const store of storeNames) {
    const reached = [store, 'localhost', ...names.stores(store)];
    // Kafka is a client of itself.
    const purposes = store === 'kafka' ? (['server', 'client'] as const) : (['server'] as const);
    writeIssued(folder, store, await authority.issue({ name: `Norn ${store}`, names: reached, purposes }));
  }
  for (const client of clients)
    writeIssued(folder, client, await authority.issue({ name: `Norn ${client}`, names: [], purposes: ['client'] }));
}

/** The files become the image's user's, who alone reads them; the folder stays whose it is. Needs root. */
export function handToImages(folder: string): void {
  for (const name of readdirSync(folder)) chownSync(join(folder, name), imageUser, imageUser);
}
