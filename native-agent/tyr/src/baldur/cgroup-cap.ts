// Caps baldur's memory and CPU by cgroup: v2 where the memory controller is there, else the v1 hierarchies.
import { messageOf } from '@norn/base';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { limits } from '../limits.ts';

const group = 'norn-agent';
/** A short period: a permission responder that is throttled makes its callers wait, for 20 ms at most. */
const periodUs = 20_000;
/**
 * What baldur's stop path may take of each CPU and second in real time, where the kernel wants that said of a group: with none, its
 * threads wait in line behind the attack and are throttled with the copies they are to overtake.
 */
const realTimeUs = 500_000;

export interface CapReport {
  readonly available: boolean;
  /** "cgroup v2", "cgroup v1"; empty when there is no cap. */
  readonly mechanism: string;
  readonly detail: string;
}

/** Half of the machine's CPUs, one at least. */
export function cpusMax(cpus: number): number {
  return Math.max(1, cpus / 2);
}

/** Never throws: an agent without caps is better than none, and its capability report says so. */
export function capProcess(pid: number, root = '/sys/fs/cgroup', cpus = availableParallelism()): CapReport {
  const quotaUs = Math.round(cpusMax(cpus) * periodUs);
  try {
    const mechanism = hasV2(root) ? capV2(root, pid, quotaUs) : capV1(root, pid, quotaUs);
    const memoryMiB = limits.baldurMemoryBytesMax / 1024 / 1024;
    return { available: true, mechanism, detail: `Baldur: ${memoryMiB} MiB, ${cpusMax(cpus)} CPUs` };
  } catch (error) {
    return { available: false, mechanism: '', detail: `Baldur's memory and CPU are not capped: ${messageOf(error)}` };
  }
}

function hasV2(root: string): boolean {
  const controllers = join(root, 'cgroup.controllers');
  return existsSync(controllers) && readFileSync(controllers, 'utf8').split(/\s+/).includes('memory');
}

function capV2(root: string, pid: number, quotaUs: number): string {
  enable(join(root, 'cgroup.subtree_control'));
  const path = join(root, group);
  mkdirSync(path, { recursive: true });
  write(path, 'memory.max', limits.baldurMemoryBytesMax);
  write(path, 'cpu.max', `${quotaUs} ${periodUs}`);
  write(path, 'cgroup.procs', pid);
  return 'cgroup v2';
}

function enable(path: string): void {
  const enabled = readFileSync(path, 'utf8').split(/\s+/);
  const missing = ['memory', 'cpu'].filter((controller) => !enabled.includes(controller));
  if (missing.length > 0) writeFileSync(path, missing.map((controller) => `+${controller}`).join(' '));
}

function capV1(root: string, pid: number, quotaUs: number): string {
  const memory = join(root, 'memory', group);
  const cpu = join(root, 'cpu', group);
  for (const [hierarchy, path] of [
    ['memory', memory],
    ['cpu', cpu],
  ] as const) {
    if (!existsSync(join(root, hierarchy, 'cgroup.procs')))
      throw new Error(`there is no cgroup v1 ${hierarchy} hierarchy`);
    mkdirSync(path, { recursive: true });
  }
  write(memory, 'memory.limit_in_bytes', limits.baldurMemoryBytesMax);
  write(cpu, 'cpu.cfs_period_us', periodUs);
  write(cpu, 'cpu.cfs_quota_us', quotaUs);
  grantRealTime(cpu);
  write(memory, 'cgroup.procs', pid);
  write(cpu, 'cgroup.procs', pid);
  return 'cgroup v1';
}

/** The machine may have given it all to others: baldur then says that it runs without. */
function grantRealTime(cpu: string): void {
  if (!existsSync(join(cpu, 'cpu.rt_runtime_us'))) return;
  try {
    write(cpu, 'cpu.rt_runtime_us', realTimeUs);
  } catch {
    return;
  }
}

function write(path: string, file: string, value: string | number): void {
  writeFileSync(join(path, file), String(value));
}
