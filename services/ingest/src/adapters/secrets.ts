// The installation's keys and certificates, from files.
import { readSecret } from '@norn/config';
import { publicKeyPemOf } from '@norn/response';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export interface IngestSecrets {
  readonly authorityKeyPem: string;
  readonly authorityCertPem: string;
  readonly serverKeyPem: string;
  readonly serverCertPem: string;
  /** SPKI PEM; agents verify commands with it. */
  readonly commandPublicKeyPem: string;
}

export function readSecrets(directory: string): IngestSecrets {
  const read = (name: string): string => readSecret(join(directory, name));
  // An ingest of its own needs the public half alone; embedded, the pair lies in one folder.
  const publicFile = 'command.public.pem';
  return {
    authorityKeyPem: read('authority.key.pem'),
    authorityCertPem: read('authority.cert.pem'),
    serverKeyPem: read('ingest.key.pem'),
    serverCertPem: read('ingest.cert.pem'),
    commandPublicKeyPem: existsSync(join(directory, publicFile))
      ? read(publicFile)
      : publicKeyPemOf(read('command.key.pem')),
  };
}
