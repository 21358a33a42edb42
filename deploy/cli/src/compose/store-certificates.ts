// Certificates between stages and stores, of an authority of their own: with that of the agents, each of them could write to Kafka.
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeSecrets } from '@norn/config';
import { issuedFiles } from '@norn/embedded';
import { createAuthority, type CertificatePlan } from '@norn/embedded/certificates';

export const storeNames = ['kafka', 'clickhouse', 'postgres'] as const;
/** The API asks ClickHouse alone: with the stages' certificate it could do at Kafka what they can. */
const clients = ['stage', 'api'] as const;

const authorityName = 'Norn stores';
const authorityFile = 'stores.cert.pem';
/** What stages and the API read of them. */
const clientFiles = [authorityFile, ...clients.flatMap(filesOf)];
const allFiles = [authorityFile, ...storeNames.flatMap(filesOf), ...clients.flatMap(filesOf)];

/** What was missing beside others that were there. */
export interface LostCertificates {
  /** Names of files; empty: nothing was lost. */
  readonly files: readonly string[];
  /** False: those that are there are of somebody else's authority, who makes the others, too. */
  readonly areMadeAnew: boolean;
}

/**
 * All of them anew when one is missing: the authority's key is not kept, so nobody is let in later. Nothing over an authority of somebody else.
 * `reached`: under which more names than its own a store is reached.
 */
export async function makeStoreCertificates(
  folder: string,
  reached: (store: string) => readonly string[],
): Promise<LostCertificates> {
  const missing = allFiles.filter((name) => !existsSync(join(folder, name)));
  if (!isOwnAuthority(folder))
    return { files: missing.filter((name) => clientFiles.includes(name)), areMadeAnew: false };
  if (missing.length > 0) await makeAll(folder, reached);
  return { files: missing.length === allFiles.length ? [] : missing, areMadeAnew: true };
}

/** For people; empty: nothing was lost. */
export function lostText(folder: string, { files, areMadeAnew }: LostCertificates): string {
  if (files.length === 0) return '';
  const missing = `Missing in ${folder}: ${files.join(', ')}.`;
  return areMadeAnew
    ? `${missing} The key of the authority that issued them is not kept, so all certificates between stages and stores ` +
        'are made anew: bring the files to stages and stores, and start these again'
    : `${missing} The others are of an authority of yours, so none is made. Bring what it issues: stores.cert.pem is the authority, ` +
        'stage.{key,cert}.pem is who the stages are to Kafka and ClickHouse, api.{key,cert}.pem who the API is to a ClickHouse that asks for a certificate';
}

/** Whoever has stores of his own put their authorities in its place: those certificates are his to make. */
export function isOwnAuthority(folder: string): boolean {
  const read = (name: string): string =>
    existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : '';
  const authority = read(authorityFile);
  if (authority !== '')
    return (
      authority.split('-----BEGIN').length === 2 && new X509Certificate(authority).subject === `CN=${authorityName}`
    );
  const issued = clients.map((client) => read(`${client}.cert.pem`)).filter(Boolean);
  return issued.every((pem) => new X509Certificate(pem).issuer === `CN=${authorityName}`);
}

async function makeAll(folder: string, reached: (store: string) => readonly string[]): Promise<void> {
  const authority = await createAuthority(authorityName);
  const issue = async (name: string, plan: Omit<CertificatePlan, 'name'>) =>
    issuedFiles(name, await authority.issue({ name: `Norn ${name}`, ...plan }));
  const ofStores = storeNames.map((store) => {
    // Kafka is a client of itself.
    const purposes = store === 'kafka' ? (['server', 'client'] as const) : (['server'] as const);
    return issue(store, { names: [store, 'localhost', ...reached(store)], purposes });
  });
  const ofClients = clients.map((client) => issue(client, { names: [], purposes: ['client'] }));
  const issued = await Promise.all([...ofStores, ...ofClients]);
  writeSecrets(folder, [{ name: authorityFile, content: authority.certificatePem }, ...issued.flat()]);
}

function filesOf(name: string): string[] {
  return [`${name}.key.pem`, `${name}.cert.pem`];
}
