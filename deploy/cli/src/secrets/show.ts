// `norn secrets` without more: the table of keys, and of each rotation under way who follows.
import { NornError } from '@norn/base';
import { existsSync } from 'node:fs';
import type { HostKeysRow } from '@norn/store';
import type { Installation } from '../installation/installation.ts';
import { columns, lines, write, writeJson } from '../print/columns.ts';
import { AuthorityRotation } from './authority.ts';
import { CommandKeyRotation } from './command-key.ts';
import { openControl } from './control.ts';
import { keyRows, rotationText, shownKeys, shownRotation } from './keys-shown.ts';
import type { Rotation } from './rotation.ts';

export function rotationsOf(folder: string): Rotation[] {
  return [new CommandKeyRotation(folder), new AuthorityRotation(folder)];
}

/** Throws `not_installed`. */
export async function printKeys(installation: Installation, asJson: boolean): Promise<void> {
  const folder = installation.path('secrets');
  if (!existsSync(installation.path('secrets', 'command.key.pem')))
    throw new NornError('not_installed', `${installation.home} is no installation: ./norn up, or set NORN_HOME`);
  const all = rotationsOf(folder);
  const keys = shownKeys(folder, all);
  const underWay = all.filter((rotation) => rotation.phase() !== 'steady');
  const hosts = underWay.length === 0 && !asJson ? undefined : await askedHosts(installation);
  const rotations = underWay.map((rotation) => shownRotation(rotation, hosts));
  if (asJson) {
    writeJson({ keys, rotations });
    return;
  }
  write(columns(keyRows(keys)));
  if (rotations.length > 0) write(`\n${lines(rotations.map(rotationText))}`);
}

/** Undefined while the installation does not run. */
async function askedHosts(installation: Installation): Promise<HostKeysRow[] | undefined> {
  let control;
  try {
    control = await openControl(installation);
    return await control.hosts();
  } catch (error) {
    if (error instanceof NornError && error.code === 'not_running') return undefined;
    throw error;
  } finally {
    await control?.close();
  }
}
