// What a rotation asks of the running installation, and where it is told of: hosts, and the trail of who did what.
import { userInfo } from 'node:os';
import { NornError } from '@norn/base';
import { processEnvironment } from '@norn/config';
import { postgresUrl } from '@norn/embedded';
import { type HostKeysRow, auditKeyDeed, hostKeys, openControlStore } from '@norn/store';
import type { Installation } from '../installation/installation.ts';
import { readRunState } from '../installation/run-state.ts';
import { shellWord } from '../print/shell-word.ts';
import { checkGivenHosts, readGivenHosts } from './given-hosts.ts';
import type { Rotation } from './rotation.ts';

export interface Control {
  hosts(): Promise<HostKeysRow[]>;
  note(action: string, subject: string, details: Readonly<Record<string, unknown>>): Promise<void>;
  close(): Promise<void>;
}

/** Any fixed number that nothing else in the database locks on. */
const rotationLock = 7_400_004;

/** Throws `not_running`, and `rotation_busy` while another one changes keys. SQL, for a lock that a connection holds. */
export async function openControl(installation: Installation, { changes = false } = {}): Promise<Control> {
  if (readRunState(installation)?.phase !== 'ready')
    throw new NornError(
      'not_running',
      `Nothing of ${installation.home} runs, so its hosts can not be asked: ./norn up`,
    );
  const store = await openControlStore({
    postgresUrl: postgresUrl(installation.home, installation.ports.postgres),
    postgresPasswordFile: installation.path('secrets', 'postgres.password'),
    poolMax: 2,
  });
  const guard = store.createQueryRunner();
  if (changes) {
    const rows = (await guard.query('SELECT pg_try_advisory_lock($1) AS free', [rotationLock])) as { free: boolean }[];
    if (rows[0]?.free !== true) {
      await guard.release();
      await store.destroy();
      throw new NornError('rotation_busy', 'Another ./norn secrets rotate runs: wait until it has ended');
    }
  }
  return {
    hosts: () => hostKeys(store),
    note: (action, subject, details) => auditKeyDeed(store.manager, { actor: whoAmI(), action, subject, details }),
    close: async () => {
      // The server takes the lock back with the connection.
      await guard.release();
      await store.destroy();
    },
  };
}

/**
 * Of an installation elsewhere, whose database is not reached from here: its hosts as `host-keys.main.ts` of deploy/prepare printed them beside it.
 * What is done is told, and written into its trail by the same program. With `rotation` they are held against its keys, unless by force.
 * Throws `hosts_unknown`, `hosts_invalid`, `hosts_stale`, `hosts_foreign`.
 */
export function elsewhere(
  { hosts: hostsFile, force }: { readonly hosts?: string; readonly force?: boolean },
  tell: (sentence: string) => void,
  rotation?: Rotation,
): Control {
  return {
    hosts: () => {
      if (hostsFile !== undefined) {
        const given = readGivenHosts(hostsFile);
        if (rotation !== undefined && !force) checkGivenHosts(hostsFile, given, rotation);
        return Promise.resolve(given);
      }
      if (force) return Promise.resolve([]);
      const cure = 'print them there (deploy/prepare/src/host-keys.main.ts) and give the file by --hosts, or --force';
      throw new NornError('hosts_unknown', `Which hosts follow is not known here: ${cure}`);
    },
    note: (action, subject, details) => {
      const deed = JSON.stringify({ actor: whoAmI(), action, subject, details });
      tell(`For the trail: host-keys.main.ts note ${shellWord(deed)}`);
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
}

/** By sudo it is root for all, and the trail is to say who. */
function whoAmI(): string {
  const { username } = userInfo();
  const behind = processEnvironment()['SUDO_USER'];
  return behind === undefined || behind === '' || behind === username ? username : `${behind} (as ${username})`;
}
