// What Norn needs from the system: found by what it provides, installed by apt when missing.
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { messageOf, NornError } from '@norn/base';
import { processEnvironment } from '@norn/config';
import { lock, runCommand, toolchainFolder } from '@norn/embedded';
import type { Halves } from './inspect-machine.ts';

export interface Need {
  /** A command on the PATH, or a file. */
  readonly provides: string;
  readonly package: string;
  readonly purpose: string;
}

const compilerNeeds: readonly Need[] = [
  { provides: 'cc', package: 'gcc', purpose: 'compiles the ClickHouse launcher, and libbpf for the agent' },
  { provides: '/usr/include/stdio.h', package: 'libc6-dev', purpose: 'compiles them' },
];

const installationNeeds: readonly Need[] = [
  { provides: 'java', package: 'default-jre-headless', purpose: 'runs the Kafka broker' },
  { provides: 'mvn', package: 'maven', purpose: "fetches the broker's jars" },
];

const agentNeeds: readonly Need[] = [
  { provides: 'clang', package: 'clang', purpose: 'compiles the eBPF programs' },
  { provides: '/usr/include/libelf.h', package: 'libelf-dev', purpose: 'libbpf reads ELF files' },
  { provides: '/usr/include/zlib.h', package: 'zlib1g-dev', purpose: 'libbpf reads ELF files' },
  { provides: 'pkg-config', package: 'pkg-config', purpose: 'finds libelf and zlib' },
  { provides: 'make', package: 'make', purpose: 'builds libbpf' },
];

export const cargoCure =
  'install Rust with rustup (apt-get install rustup where there is such a package, else as rustup.rs says), then run this again';

export function missingPackages({ installation, agent }: Halves): Need[] {
  // Both compile something.
  const needs = [...compilerNeeds, ...(installation ? installationNeeds : []), ...(agent ? agentNeeds : [])];
  return needs.filter(({ provides }) => !isThere(provides));
}

export function isThere(provides: string): boolean {
  return provides.startsWith('/') ? existsSync(provides) : findCommand(provides) !== undefined;
}

export function findCommand(name: string): string | undefined {
  const folders = (processEnvironment()['PATH'] ?? '').split(delimiter);
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** By apt, one install at a time on this machine. Throws `packages_missing` with the command when it can't. */
export async function installPackages(names: readonly string[], onLine: (line: string) => void): Promise<void> {
  if (names.length === 0) return;
  const command = `apt-get install -y --no-install-recommends ${names.join(' ')}`;
  if (process.getuid?.() !== 0 || !isThere('apt-get')) {
    throw new NornError('packages_missing', `Missing: ${names.join(', ')}. As root, on Debian or Ubuntu: ${command}`);
  }
  const release = await lock(join(toolchainFolder(), 'apt.lock'));
  const env = { ...processEnvironment(), DEBIAN_FRONTEND: 'noninteractive' };
  const wait = ['-o', 'DPkg::Lock::Timeout=120'];
  try {
    await runCommand('apt-get', ['update', '-qq', ...wait], { env, onLine });
    await runCommand('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...wait, ...names], { env, onLine });
  } catch (error) {
    throw new NornError('packages_missing', `\`${command}\` failed; run it by hand to see why\n${messageOf(error)}`, {
      cause: error,
    });
  } finally {
    release();
  }
}

/** Debian's own cargo is too old for edition 2024; rustup brings what rust-toolchain.toml names. */
export async function provideCargo(onLine: (line: string) => void): Promise<void> {
  if (isThere('cargo')) return;
  try {
    await installPackages(['rustup'], onLine);
  } catch (error) {
    throw new NornError('cargo_missing', `No cargo, so the agent cannot be built: ${cargoCure}`, { cause: error });
  }
}
