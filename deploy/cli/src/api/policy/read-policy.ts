// Policies as files: one's own by path, Norn's own by name.
import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';
import { NornError, messageOf } from '@norn/base';
import { parsePolicy, type Policy } from '@norn/response';

/** The name of the policy that Norn comes with. */
export const shippedPolicy = 'recommended';

/** The text of a file, or of Norn's own policy when its name is given. Throws `policy_missing`. */
export async function readPolicyText(file: string): Promise<string> {
  const { resolve } = createRequire(import.meta.url);
  const path = file === shippedPolicy ? resolve(`@norn/response/policies/${shippedPolicy}.yml`) : file;
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const cure = `name a YAML file, or "${shippedPolicy}" for the one that Norn comes with`;
    throw new NornError('policy_missing', `${file} can not be read (${messageOf(error)}): ${cure}`, { cause: error });
  }
}

/** Throws `policy_missing`, `policy_invalid`. */
export async function readPolicy(file: string): Promise<Policy> {
  return parsePolicy(file, await readPolicyText(file));
}
