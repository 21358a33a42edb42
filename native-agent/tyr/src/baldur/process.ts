// A process by pid and start time: a pid alone may be somebody else's by now.
import { readFileSync } from 'node:fs';
import { writeFileAtomically } from '../write-file.ts';

export interface ProcessName {
  readonly pid: number;
  /** Ticks since boot, field 22 of /proc/pid/stat. */
  readonly startTicks: string;
}

/** Undefined when there is no such process (any more). */
export function processNamed(pid: number): ProcessName | undefined {
  if (!Number.isSafeInteger(pid) || pid <= 1) return undefined;
  const stat = readIfThere(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The name, in parentheses, may hold anything; what follows the last one is regular: state is field 3.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  const startTicks = fields[19];
  return startTicks === undefined || state === 'Z' || state === 'X' ? undefined : { pid, startTicks };
}

export function isAlive({ pid, startTicks }: ProcessName): boolean {
  return processNamed(pid)?.startTicks === startTicks;
}

/** Does nothing when the process is gone, even if its pid is in use again. */
export function kill(name: ProcessName, signal: NodeJS.Signals): void {
  if (isAlive(name)) process.kill(name.pid, signal);
}

export function writePidFile(path: string, { pid, startTicks }: ProcessName): void {
  writeFileAtomically(path, `${pid} ${startTicks}\n`);
}

/** The process of a pid file, if it still runs. */
export function readPidFile(path: string): ProcessName | undefined {
  const [pid, startTicks] = (readIfThere(path) ?? '').trim().split(' ');
  const running = processNamed(Number(pid));
  return running !== undefined && running.startTicks === startTicks ? running : undefined;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // ENOENT and ESRCH say the same: it is not there.
  }
}
