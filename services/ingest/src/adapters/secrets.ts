// The installation's keys and certificates, from files.
import { NornError, messageOf } from '@norn/base';
import { publicKeyPemOf } from '@norn/response';
import { existsSync, readFileSync } from 'node:fs';
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

function readSecret(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const cure = 'set NORN_SECRETS_DIR to the folder that `norn up` or your secret store fills';
    throw new NornError('secret_missing', `${path} can not be read (${messageOf(error)}): ${cure}`, { cause: error });
  }
}
