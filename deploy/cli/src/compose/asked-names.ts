// Names that certificates were asked to have: what is there stays, so one that was made for others does not have them.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { SecretNames } from './secrets.ts';
import { isOwnAuthority, storeNames } from './store-certificates.ts';

/** A sentence for each certificate that lacks some, with what is to be done; none: all have what was asked for. */
export function lackedNames(folder: string, { ingest, stores }: SecretNames): string[] {
  const ofIngest = lack(folder, 'ingest', ingest, 'to have another made, remove it and run this again');
  if (!isOwnAuthority(folder)) return ofIngest;
  const cure = 'to have all between stages and stores made anew, remove it and run this again';
  return [...ofIngest, ...storeNames.flatMap((store) => lack(folder, store, stores(store), cure))];
}

function lack(folder: string, name: string, asked: readonly string[], cure: string): string[] {
  const file = join(folder, `${name}.cert.pem`);
  const certificate = new X509Certificate(readFileSync(file));
  const lacked = asked.filter(
    (one) => (isIP(one) ? certificate.checkIP(one) : certificate.checkHost(one)) === undefined,
  );
  if (lacked.length === 0) return [];
  return [
    `${file} was there and stays, and it does not have these names: ${lacked.join(', ')}. If it is reached by them: ${cure}`,
  ];
}
