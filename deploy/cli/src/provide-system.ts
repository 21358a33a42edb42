// Sets up what checks and tests need from this machine, as `up` does for itself, and says so when it takes a while.
import { provideClickHouse, provideKafka, providePostgres } from '@norn/embedded';
import { write } from './print/columns.ts';
import { installPackages, isThere, missingPackages, provideCargo } from './up/packages.ts';

export interface Wanted {
  /** A browser for the console's tests. */
  readonly browser: boolean;
  /** Docker, a static busybox and file systems for tests with containers. */
  readonly containers: boolean;
  /** What the hook library is brought into: a server whose package starts no service, and programs made with musl. */
  readonly hooked: boolean;
}

export async function provideSystem(wanted: Wanted): Promise<void> {
  const names = missingPackages({ installation: true, agent: true }).map((need) => need.package);
  if (wanted.browser && !isThere('chromium')) names.push('chromium');
  if (wanted.hooked && !isThere('redis-benchmark')) names.push('redis-tools');
  if (wanted.hooked && !isThere('musl-gcc')) names.push('musl-tools');
  if (wanted.containers) {
    if (!isThere('dockerd')) names.push('docker.io');
    if (!isThere('runc')) names.push('runc');
    if (!isThere('docker-compose')) names.push('docker-compose');
    if (!isThere('debootstrap')) names.push('debootstrap');
    if (!isThere('/bin/busybox')) names.push('busybox-static');
    if (!isThere('mkfs.xfs')) names.push('xfsprogs');
    if (!isThere('mkfs.btrfs')) names.push('btrfs-progs');
  }
  if (names.length > 0) {
    write(`Installing ${names.join(', ')} …`);
    await installPackages(names, () => undefined);
  }
  await provideCargo(() => undefined);
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
