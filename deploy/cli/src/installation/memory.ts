// How much memory an installation takes: proportional set size of its processes and all they started.
import { readdirSync, readFileSync } from 'node:fs';

/** Bytes, of these processes and their descendants. */
export function memoryOf(pids: readonly number[]): number {
  const children = childrenByParent();
  const seen = new Set<number>();
  const waiting = [...pids];
  for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
    if (seen.has(pid)) continue;
    seen.add(pid);
    waiting.push(...(children.get(pid) ?? []));
  }
  return [...seen].reduce((sum, pid) => sum + proportionalSetSize(pid), 0);
}

function childrenByParent(): Map<number, number[]> {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const stat = read(`/proc/${name}/stat`);
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? 0);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  return children;
}

function proportionalSetSize(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) * 1024;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // The process is gone.
  }
}
