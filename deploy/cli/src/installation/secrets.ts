// The secrets of an installation: made once, readable by their owner alone, never printed.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { installationKeysFile, makeSignerKeys, noKeyWasChanged } from '@norn/config';
import { writeIssued, writeSecret } from '@norn/embedded';
import { createAuthority } from '@norn/embedded/certificates';

const tokenBytes = 32;

const randomSecrets = [
  'postgres.password',
  'clickhouse-writer.password',
  'clickhouse-reader.password',
  'api.token',
  'join.token',
];

/** Makes what is missing in the folder; what is there stays. `names`: where agents reach ingest, besides loopback. */
export async function makeSecrets(folder: string, names: readonly string[] = []): Promise<void> {
  const missing = (name: string): boolean => !existsSync(join(folder, name));
  for (const name of randomSecrets.filter(missing)) writeSecret(folder, name, newToken());
  makeSignerKeys(folder);
  if (missing(installationKeysFile)) writeSecret(folder, installationKeysFile, `${JSON.stringify(noKeyWasChanged)}\n`);
  if (missing('command.key.pem')) {
    const { privateKey } = generateKeyPairSync('ed25519');
    writeSecret(folder, 'command.key.pem', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  }
  if (['authority.key.pem', 'authority.cert.pem', 'ingest.key.pem', 'ingest.cert.pem'].some(missing)) {
    // An authority of its own for each installation: agents trust it alone, and it signs agents alone.
    const authority = await createAuthority('Norn authority');
    writeIssued(folder, 'authority', authority);
    const reached = ['localhost', '127.0.0.1', ...names];
    writeIssued(folder, 'ingest', await authority.issue({ name: 'Norn ingest', names: reached, purposes: ['server'] }));
  }
}

export function newToken(): string {
  return randomBytes(tokenBytes).toString('base64url');
}

export { writeIssued, writeSecret };
