// The installation's keys and certificates, from files that may change while ingest runs.
import { NornError, messageOf } from '@norn/base';
import { WatchedSecrets, installationKeysFile, pemBlocks, readInstallationKeys, readSecret } from '@norn/config';
import { publicKeyPemOf } from '@norn/response';
import type { Logger } from '@norn/telemetry';
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Authority } from '../enrolment/authority.ts';
import type { IngestKeys, IngestSecrets } from '../ports/ingest-keys.ts';

/** An ingest of its own needs the public half alone; embedded, the pair lies in one folder. */
const commandPublicFile = 'command.public.pem';
const commandKeyFile = 'command.key.pem';

const files = [
  'authority.key.pem',
  'authority.cert.pem',
  'ingest.key.pem',
  'ingest.cert.pem',
  installationKeysFile,
  commandPublicFile,
  commandKeyFile,
];

/** Throws `secret_missing`, `keys_invalid`, `secrets_unfit` and `authority_invalid` while they do not fit together. */
export function watchKeys(secretsDir: string, logger: Logger): IngestKeys {
  return new WatchedSecrets({
    secretsDir,
    files,
    read: () => {
      const secrets = readSecrets(secretsDir);
      return { secrets, authority: Authority.open(secrets) };
    },
    onUnread: (error) => {
      logger.warn({ code: 'secrets_unread', err: error }, messageOf(error));
    },
  });
}

export function readSecrets(directory: string): IngestSecrets {
  const read = (name: string): string => readSecret(join(directory, name));
  const secrets = {
    authorityKeyPem: read('authority.key.pem'),
    authorityCertPem: read('authority.cert.pem'),
    serverKeyPem: read('ingest.key.pem'),
    serverCertPem: read('ingest.cert.pem'),
    commandPublicKeyPem: existsSync(join(directory, commandPublicFile))
      ? read(commandPublicFile)
      : publicKeyPemOf(pemBlocks(read(commandKeyFile))[0] ?? ''),
    keys: readInstallationKeys(directory),
  };
  assertPair(directory, secrets);
  return secrets;
}

function assertPair(directory: string, { serverKeyPem, serverCertPem }: IngestSecrets): void {
  if (new X509Certificate(serverCertPem).checkPrivateKey(createPrivateKey(serverKeyPem))) return;
  const place = join(directory, 'ingest.cert.pem');
  throw new NornError('secrets_unfit', `${place} is not of the key in ingest.key.pem: put the two in together`);
}
