// keys.json: what hosts are told of the installation's keys. Nothing in it is secret; whoever changes keys writes it (`./norn secrets rotate`).
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { NornError, messageOf } from '@norn/base';
import { z } from 'zod';
import { readSecret } from './secret.ts';

export const installationKeysFile = 'keys.json';

const schema = z.strictObject({
  /** norn.agent.v1.SignedCommandKeys in their order, from the first rotation on. */
  commandKeys: z
    .array(
      z.strictObject({
        /** Base64 each: norn.agent.v1.CommandKeys, serialised, and the signature of a key of the list before. */
        list: z.base64(),
        signature: z.base64(),
        /** ISO 8601. */
        at: z.string(),
      }),
    )
    .max(1_000),
  /** PEM: authorities that issue nothing and let nobody in any more; what they issued still says who a host was, at enrolment alone. */
  retiredAuthorities: z.array(z.string()).max(100),
});

export type InstallationKeys = z.output<typeof schema>;

export const noKeyWasChanged: InstallationKeys = { commandKeys: [], retiredAuthorities: [] };

/** Without the file no key was ever changed. Throws `keys_invalid`. */
export function readInstallationKeys(secretsDir: string): InstallationKeys {
  const file = join(secretsDir, installationKeysFile);
  if (!existsSync(file)) return noKeyWasChanged;
  try {
    return schema.parse(JSON.parse(readSecret(file)));
  } catch (error) {
    const cure = 'put it back from your secret store: hosts that were away follow the keys by what it says';
    throw new NornError('keys_invalid', `${file} is not usable (${messageOf(error)}): ${cure}`, { cause: error });
  }
}
