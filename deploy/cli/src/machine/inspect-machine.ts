// Can this machine run Norn: rights, kernel, memory, disk. What is in doubt is said, what can't work is refused with its cure.
import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { NornError } from '@norn/base';
import type { Installation } from '../installation/installation.ts';

const mebibyte = 1024 * 1024;

interface Demand {
  readonly memoryWantedBytes: number;
  readonly memoryNeededBytes: number;
  readonly diskWantedBytes: number;
  readonly diskNeededBytes: number;
}

const ofInstallation: Demand = {
  memoryWantedBytes: 3_500 * mebibyte,
  memoryNeededBytes: 1_500 * mebibyte,
  diskWantedBytes: 5_000 * mebibyte,
  diskNeededBytes: 1_000 * mebibyte,
};
/** Its vault and spool, and what building it takes for a while. */
const ofAgent: Demand = {
  memoryWantedBytes: 1_500 * mebibyte,
  memoryNeededBytes: 500 * mebibyte,
  diskWantedBytes: 3_000 * mebibyte,
  diskNeededBytes: 700 * mebibyte,
};

/** What of Norn a machine is to run. */
export interface Halves {
  readonly installation: boolean;
  readonly agent: boolean;
}

export interface MachineFinding {
  readonly name: string;
  readonly state: 'fine' | 'doubtful' | 'unusable';
  readonly sentence: string;
  /** The command or setting that mends it. */
  readonly cure: string;
}

export function inspectMachine({ home }: Installation, halves: Halves): MachineFinding[] {
  const agent = halves.agent ? [rights(halves), kernelTypes()] : [];
  const demand = halves.installation ? ofInstallation : ofAgent;
  return [...agent, memory(demand), disk(home, demand)];
}

/** Throws `machine_unusable` with everything that is in the way. */
export function refuseUnusable(findings: readonly MachineFinding[]): void {
  const unusable = findings.filter(({ state }) => state === 'unusable');
  if (unusable.length === 0) return;
  const sentences = unusable.map(({ sentence, cure }) => `${sentence}: ${cure}`);
  throw new NornError('machine_unusable', sentences.join('\n'));
}

function rights(halves: Halves): MachineFinding {
  const root = process.getuid?.() === 0;
  return {
    name: 'rights',
    state: root ? 'fine' : 'unusable',
    sentence: root ? 'running as root' : 'The agent loads eBPF programs and marks file systems, which needs root',
    cure: halves.installation
      ? 'sudo ./norn up, or ./norn up --no-agent for the installation alone'
      : 'run the same command with sudo',
  };
}

function kernelTypes(): MachineFinding {
  const present = existsSync('/sys/kernel/btf/vmlinux');
  return {
    name: 'kernel',
    state: present ? 'fine' : 'doubtful',
    sentence: present
      ? `kernel ${readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim()} with BTF`
      : 'The kernel has no BTF (/sys/kernel/btf/vmlinux), so the sensor cannot load; vault and restore still work',
    cure: 'boot a kernel built with CONFIG_DEBUG_INFO_BTF=y (every distribution kernel since 2020)',
  };
}

function memory({ memoryWantedBytes, memoryNeededBytes }: Demand): MachineFinding {
  const kibibytes = Number(/^MemAvailable:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0);
  const bytes = kibibytes * 1024;
  return {
    name: 'memory',
    state: grade(bytes, memoryWantedBytes, memoryNeededBytes),
    sentence: `${gigabytes(bytes)} of memory available`,
    cure: `Norn wants ${gigabytes(memoryWantedBytes)}; end something large`,
  };
}

function disk(home: string, { diskWantedBytes, diskNeededBytes }: Demand): MachineFinding {
  const { bavail, bsize } = statfsSync(home);
  const bytes = bavail * bsize;
  return {
    name: 'disk',
    state: grade(bytes, diskWantedBytes, diskNeededBytes),
    sentence: `${gigabytes(bytes)} free under ${home}`,
    cure: `Norn wants ${gigabytes(diskWantedBytes)}; free some, or set NORN_HOME to a larger disk`,
  };
}

function grade(value: number, wanted: number, needed: number): MachineFinding['state'] {
  if (value < needed) return 'unusable';
  return value < wanted ? 'doubtful' : 'fine';
}

export function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
