// Sets up what checks and tests need from this machine, as `up` does for itself, and says so when it takes a while.
import { provideClickHouse, provideKafka, providePostgres } from '@norn/embedded';
import { write } from '../print/columns.ts';
import { installPackages, isThere, missingPackages, provideCargo } from './packages.ts';

export interface Wanted {
  /** A browser for the console's tests. */
  readonly browser: boolean;
  /** Docker, a static busybox and file systems for tests with containers. */
  readonly containers: boolean;
  /** What the hook library is brought into: a server whose package starts no service, and programs made with musl. */
  readonly hooked: boolean;
}

/** A command or a file, and Debian's package that has it. */
const packagesOf: Readonly<Record<keyof Wanted, Readonly<Record<string, string>>>> = {
  browser: { chromium: 'chromium' },
  containers: {
    dockerd: 'docker.io',
    runc: 'runc',
    'docker-compose': 'docker-compose',
    debootstrap: 'debootstrap',
    '/bin/busybox': 'busybox-static',
    'mkfs.xfs': 'xfsprogs',
    'mkfs.btrfs': 'btrfs-progs',
  },
  hooked: { 'redis-benchmark': 'redis-tools', 'musl-gcc': 'musl-tools' },
};

export async function provideSystem(wanted: Wanted): Promise<void> {
  const needed = missingPackages({ installation: true, agent: true }).map((need) => need.package);
  const names = [...needed, ...missingOf('browser'), ...missingOf('containers'), ...missingOf('hooked')];
  if (names.length > 0) {
    write(`Installing ${names.join(', ')} …`);
    await installPackages(names, () => undefined);
  }
  await provideCargo(() => undefined);

  function missingOf(kind: keyof Wanted): string[] {
    if (!wanted[kind]) return [];
    return Object.entries(packagesOf[kind]).flatMap(([program, name]) => (isThere(program) ? [] : [name]));
  }
}

/** The embedded parts, so that tests that start them do not all wait for one download. */
export async function provideParts(): Promise<void> {
  const late = setTimeout(() => {
    write('Fetching the broker and preparing the database …');
  }, 2_000);
  try {
    await Promise.all([provideKafka(), provideClickHouse(), providePostgres()]);
  } finally {
    clearTimeout(late);
  }
}
