// A process named so that a number used again by another is not taken for it.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot, field 22 of /proc/PID/stat (proc(5)). */
  readonly startTime: string;
}

const pollMs = 25;
const startTimeField = 22;

/** Of /proc/PID/stat, from the third on. Throws when there is no such process. */
function statFields(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The command's name stands in brackets and may hold anything.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** CPU that a process used so far, in ticks of 10 ms: utime + stime, fields 14 and 15. Throws when there is no such process. */
export function cpuTicks(pid: number): number {
  const fields = statFields(pid);
  return Number(fields[11]) + Number(fields[12]);
}

/** Undefined when there is no such process (or it is a zombie). */
export function processIdentity(pid: number): ProcessIdentity | undefined {
  try {
    const fields = statFields(pid);
    const [state] = fields;
    const startTime = fields[startTimeField - 3];
    return startTime === undefined || state === 'Z' ? undefined : { pid, startTime };
  } catch {
    return undefined; // Gone.
  }
}

export function isAlive(identity: ProcessIdentity): boolean {
  return processIdentity(identity.pid)?.startTime === identity.startTime;
}

/** TERM, then KILL after `killAfterMs`; resolves when it is gone. Does nothing to another process with the same number. */
export async function endProcess(identity: ProcessIdentity, killAfterMs: number): Promise<void> {
  const deadline = performance.now() + killAfterMs;
  if (isAlive(identity)) process.kill(identity.pid, 'SIGTERM');
  let killed = false;
  while (isAlive(identity)) {
    if (!killed && performance.now() > deadline) {
      process.kill(identity.pid, 'SIGKILL');
      killed = true;
    }
    await sleep(pollMs);
  }
}
