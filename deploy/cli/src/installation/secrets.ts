// The secrets of an installation: made once, readable by their owner alone, never printed.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { NornError } from '@norn/base';
import { installationKeysFile, makeSignerKeys, noKeyWasChanged, writeSecret } from '@norn/config';
import { writeIssued } from '@norn/embedded';
import { createAuthority } from '@norn/embedded/certificates';
import { authorityInUse } from './authority.ts';

const tokenBytes = 32;

const randomSecrets = [
  'postgres.password',
  'clickhouse-writer.password',
  'clickhouse-reader.password',
  'api.token',
  'join.token',
];

/**
 * Makes what is missing in the folder; what is there stays. `names`: where agents reach ingest, besides loopback.
 * Throws `authority_incomplete`, `authority_invalid`.
 */
export async function makeSecrets(folder: string, names: readonly string[] = []): Promise<void> {
  const missing = (name: string): boolean => !existsSync(join(folder, name));
  for (const name of randomSecrets.filter(missing)) writeSecret(folder, name, newToken());
  makeSignerKeys(folder);
  if (missing(installationKeysFile)) writeSecret(folder, installationKeysFile, `${JSON.stringify(noKeyWasChanged)}\n`);
  if (missing('command.key.pem')) {
    const { privateKey } = generateKeyPairSync('ed25519');
    writeSecret(folder, 'command.key.pem', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  }
  const isNew = await makeAuthority(folder, missing);
  const authority = await authorityInUse(folder);
  if (!isNew && !['ingest.key.pem', 'ingest.cert.pem'].some(missing)) return;
  const reached = ['localhost', '127.0.0.1', ...names];
  writeIssued(folder, 'ingest', await authority.issue({ name: 'Norn ingest', names: reached, purposes: ['server'] }));
}

/** Its own for each installation: hosts trust it alone, so one of which a half is there is never made anew. Throws `authority_incomplete`. */
async function makeAuthority(folder: string, missing: (name: string) => boolean): Promise<boolean> {
  const [gone, ...more] = ['authority.key.pem', 'authority.cert.pem'].filter(missing);
  if (gone === undefined) return false;
  if (more.length === 0)
    throw new NornError(
      'authority_incomplete',
      `${join(folder, gone)} is missing, and its other half is there: put it back from a copy. ` +
        'To begin with another authority, remove the other half, too: then each host has to join again',
    );
  writeIssued(folder, 'authority', await createAuthority('Norn authority'));
  return true;
}

export function newToken(): string {
  return randomBytes(tokenBytes).toString('base64url');
}

export { writeIssued, writeSecret };
