// The agent of a host that has joined an installation elsewhere ends with the host's maintenance token: its lock is opened here, or not.
import { NornError, messageOf } from '@norn/base';
import { MaintenanceLock } from '@norn/tyr';
import { givenText } from '../installation/given-text.ts';
import type { Installation } from '../installation/installation.ts';
import { readJoined } from '../installation/joined-host.ts';

/**
 * Root can end the agent without it; then that is told, and so is a wrong token. Throws
 * `maintenance_token_needed`, `maintenance_token_empty`, `maintenance_token_wrong`, `maintenance_token_unreadable`.
 */
export async function openLock(installation: Installation, tokenFile: string | undefined): Promise<void> {
  const joined = readJoined(installation);
  const lock = new MaintenanceLock(installation.path('agent'));
  if (!joined || !lock.isLocked()) return;
  const cure = `./norn hosts token HOST on the installation at ${joined.ingest} shows it to an administrator; then, here: echo TOKEN | ./norn down -`;
  if (tokenFile === undefined)
    throw new NornError(
      'maintenance_token_needed',
      `The agent of this host stops with the host's maintenance token: ${cure}`,
    );
  const token = await read(tokenFile, cure);
  if (token.trim() === '') throw new NornError('maintenance_token_empty', `No token was given: ${cure}`);
  if (!lock.opens(token)) {
    lock.refuse();
    throw new NornError(
      'maintenance_token_wrong',
      `This is not the maintenance token of this host, or it was used before: ${cure}`,
    );
  }
  lock.leaveWith(token);
}

async function read(file: string, cure: string): Promise<string> {
  try {
    return await givenText(file);
  } catch (error) {
    // Not by its name, which may be a token that was given in place of a file.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new NornError(
        'maintenance_token_unreadable',
        `No file of that name is here, and the token itself is no argument: ${cure}`,
      );
    throw new NornError('maintenance_token_unreadable', `${messageOf(error)}: ${cure}`, { cause: error });
  }
}
