// Ingest's certificate: another of the same names by the authority in use, and the one before kept for the way back.
import { X509Certificate } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { NornError } from '@norn/base';
import { pemBlocks, readSecret, writeSecrets } from '@norn/config';
import type { Authority } from '@norn/embedded/certificates';
import { authorityInUse } from '../installation/authority.ts';

interface Files {
  readonly key: string;
  readonly cert: string;
}

const shown: Files = { key: 'ingest.key.pem', cert: 'ingest.cert.pem' };
/** Of the command line's folder alone: no stage reads them. */
const kept: Files = { key: 'ingest.previous.key.pem', cert: 'ingest.previous.cert.pem' };

function hasPreviousCertificate(folder: string): boolean {
  return existsSync(join(folder, kept.cert));
}

/** Its names and what proves it to who trusts an earlier authority stay. */
export async function renewIngestCertificate(folder: string): Promise<void> {
  const [key, cert] = [readSecret(join(folder, shown.key)), readSecret(join(folder, shown.cert))];
  const [, ...bridges] = pemBlocks(cert);
  const issued = await issueForIngest(await authorityInUse(folder), cert);
  keepIngest(folder, key, cert);
  showIngest(folder, issued.keyPem, [issued.certificatePem, ...bridges]);
}

/** Throws `no_way_back`; also for one of an authority that is in use no more: hosts would not take ingest for what it is. */
export async function ingestCertificateBack(folder: string): Promise<void> {
  const cure = './norn secrets rotate ingest makes another';
  if (!hasPreviousCertificate(folder))
    throw new NornError('no_way_back', `The certificate before this one is gone: ${cure}`);
  const read = (name: string): string => readSecret(join(folder, name));
  const [key, cert, otherKey, otherCert] = [read(kept.key), read(kept.cert), read(shown.key), read(shown.cert)];
  const { certificatePem } = await authorityInUse(folder);
  if (!new X509Certificate(cert).verify(new X509Certificate(certificatePem).publicKey))
    throw new NornError('no_way_back', `The certificate before this one is of another authority: ${cure}`);
  showIngest(folder, key, [cert]);
  keepIngest(folder, otherKey, otherCert);
}

export function forgetPreviousCertificate(folder: string): void {
  for (const name of Object.values(kept) as string[]) rmSync(join(folder, name), { force: true });
}

export function issueForIngest(authority: Authority, likePem: string) {
  const names = new X509Certificate(likePem).subjectAltName ?? '';
  const reached = names.split(', ').map((name) => name.replace(/^(DNS|IP Address):/, ''));
  return authority.issue({ name: 'Norn ingest', names: reached.filter(Boolean), purposes: ['server'] });
}

/** The key first: a stage that looks in between finds that the two do not fit, and waits for the other. */
export function showIngest(folder: string, keyPem: string, chain: readonly string[]): void {
  writeSecrets(folder, [
    { name: shown.key, content: keyPem },
    { name: shown.cert, content: chain.map((pem) => `${pem.trimEnd()}\n`).join('') },
  ]);
}

/** Whose the one in use is, and read by whom that is. */
function keepIngest(folder: string, keyPem: string, certificatePem: string): void {
  writeSecrets(folder, [
    { name: kept.key, content: keyPem, like: shown.key },
    { name: kept.cert, content: certificatePem, like: shown.cert },
  ]);
}
