// What a cluster writes outside of its folders, and how it is taken back.
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '@norn/embedded';
import type { Site } from './site.ts';

/** The kubelet sets these for the whole machine. */
const kernelSettings = ['vm/overcommit_memory', 'vm/panic_on_oom', 'kernel/panic', 'kernel/panic_on_oops'].map((name) =>
  join('/proc/sys', name),
);
const cgroups = '/sys/fs/cgroup';
const groupOfPods = 'kubepods';

/** Returns what puts them back. */
export function keepKernelSettings(): () => void {
  const before = kernelSettings.map((file) => [file, readFileSync(file, 'utf8')] as const);
  return () => {
    for (const [file, value] of before) if (readFileSync(file, 'utf8') !== value) writeFileSync(file, value);
  };
}

/** Also after a run that was killed: mounts, cgroups and folders of a cluster that no longer runs. */
export async function clearTraces({ folder, state }: Site): Promise<void> {
  for (const mount of mountsBelow([folder, state])) await runCommand('umount', ['--lazy', mount]);
  for (const hierarchy of [cgroups, ...readdirSync(cgroups).map((name) => join(cgroups, name))])
    removeGroups(join(hierarchy, groupOfPods));
  for (const place of [folder, state]) rmSync(place, { recursive: true, force: true });
}

/** Innermost first. */
export function mountsBelow(folders: readonly string[]): string[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => (line.split(' ')[1] ?? '').replaceAll('\\040', ' '));
  return mounts.filter((mount) => folders.some((folder) => mount.startsWith(`${folder}/`))).reverse();
}

function removeGroups(group: string): void {
  if (!existsSync(group)) return;
  for (const entry of readdirSync(group, { withFileTypes: true }))
    if (entry.isDirectory()) removeGroups(join(group, entry.name));
  rmdirSync(group);
}
