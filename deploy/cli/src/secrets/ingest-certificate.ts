// Ingest's certificate: another of the same names by the authority in use, and the one before kept for the way back.
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { NornError } from '@norn/base';
import { pemBlocks, readSecret, writeSecrets } from '@norn/config';
import type { Authority } from '@norn/embedded/certificates';
import { authorityInUse } from '../installation/authority.ts';

/** Names of files, or what is in them. */
interface Pair {
  readonly key: string;
  readonly cert: string;
}

const shown: Pair = { key: 'ingest.key.pem', cert: 'ingest.cert.pem' };
/** Of the command line's folder alone: no stage reads them. */
const kept: Pair = { key: 'ingest.previous.key.pem', cert: 'ingest.previous.cert.pem' };

export function hasPreviousCertificate(folder: string): boolean {
  return existsSync(join(folder, kept.cert));
}

/**
 * Its names and what proves it to who trusts an earlier authority stay. `next`: the command that does this. Throws `rotation_unfinished` while there
 * is a way back: it would be lost.
 */
export async function renewIngestCertificate(folder: string, next: string): Promise<void> {
  const before = shownIn(folder);
  if (fits(before) && isWayBack(keptIn(folder), before))
    throw new NornError(
      'rotation_unfinished',
      `Ingest's certificate before this one is kept still, and another one would take its place: end it with ${next} --finish, or go back with --back`,
    );
  const [, ...bridges] = pemBlocks(before.cert);
  const issued = await issueForIngest(await authorityInUse(folder), before.cert);
  // Interrupted between the two halves: the one before is kept already.
  if (fits(before)) keepIngest(folder, before);
  showIngest(folder, issued.keyPem, [issued.certificatePem, ...bridges]);
}

/** Throws `no_way_back`; also for one of an authority that is in use no more: hosts would not take ingest for what it is. */
export async function ingestCertificateBack(folder: string, next: string): Promise<void> {
  const before = keptIn(folder);
  if (before === undefined)
    throw new NornError('no_way_back', `The certificate before this one is gone: ${next} makes another`);
  const { certificatePem } = await authorityInUse(folder);
  if (!new X509Certificate(before.cert).verify(new X509Certificate(certificatePem).publicKey))
    throw new NornError(
      'no_way_back',
      `The certificate before this one is of another authority: let it go (${next} --finish), then ${next} makes another`,
    );
  const other = shownIn(folder);
  showIngest(folder, before.key, [before.cert]);
  if (fits(other) && isWayBack(other, before)) keepIngest(folder, other);
  else dropKept(folder);
}

/** Throws `nothing_to_finish`, and `rotation_unfinished` for one that was interrupted: what is kept is the only one that is whole. */
export function forgetPreviousCertificate(folder: string, next: string): void {
  if (!hasPreviousCertificate(folder))
    throw new NornError(
      'nothing_to_finish',
      'No certificate of ingest before this one is kept: ./norn secrets shows which keys there are',
    );
  if (!fits(shownIn(folder)))
    throw new NornError(
      'rotation_unfinished',
      `A rotation was interrupted: go on with ${next}, or go back with --back`,
    );
  dropKept(folder);
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
function keepIngest(folder: string, { key, cert }: Pair): void {
  writeSecrets(folder, [
    { name: kept.key, content: key, like: shown.key },
    { name: kept.cert, content: cert, like: shown.cert },
  ]);
}

/** The certificate first: without it there is no way back. */
function dropKept(folder: string): void {
  for (const name of [kept.cert, kept.key]) rmSync(join(folder, name), { force: true });
}

function shownIn(folder: string): Pair {
  return { key: readSecret(join(folder, shown.key)), cert: readSecret(join(folder, shown.cert)) };
}

/** Undefined: there is none, or only a half of it. */
function keptIn(folder: string): Pair | undefined {
  if (![kept.key, kept.cert].every((name) => existsSync(join(folder, name)))) return undefined;
  const pair = { key: readSecret(join(folder, kept.key)), cert: readSecret(join(folder, kept.cert)) };
  return fits(pair) ? pair : undefined;
}

function fits({ key, cert }: Pair): boolean {
  return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
}

/** A rotation that was interrupted leaves the same one at both places. */
function isWayBack(pair: Pair | undefined, from: Pair): boolean {
  return pair !== undefined && pemBlocks(pair.cert)[0] !== pemBlocks(from.cert)[0];
}
