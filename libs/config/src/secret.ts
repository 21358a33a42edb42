// Secrets come as files; where each lies is a setting.
import { readFileSync } from 'node:fs';
import { NornError, messageOf } from '@norn/base';

/** What the file holds, as it is. Throws `secret_missing`. */
export function readSecret(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const cure = '`./norn up` makes it, or your secret store: see NORN_SECRETS_DIR and the NORN_*_FILE settings';
    throw new NornError('secret_missing', `A secret can not be read (${messageOf(error)}): ${cure}`, { cause: error });
  }
}
