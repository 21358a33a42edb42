// A part of the installation that is a process of its own: started once per data directory, ended with its supervisor.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, NornError } from '@norn/base';
import { runCommand } from './command.ts';

const lockWaitSeconds = 20;
const pollMs = 25;
const logBytesMax = 16 * 1024 * 1024;
const logTailLines = 8;
const killAfterMs = 10_000;
const usualCapabilities = ['chown', 'dac_override', 'dac_read_search', 'fowner', 'net_bind_service'];
/** Number of the capability without which nobody gives up another for good (capabilities(7)). */
const setpcap = 8n;

export interface PartPlan {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly logFile: string;
  /** Held while the part lives: two servers on one data directory destroy each other's work. */
  readonly lockFile: string;
  /** Lives on when its supervisor dies; default: it does not. */
  readonly outlivesParent?: boolean;
  /** What the part is told when it is to end, or when its supervisor has died. */
  readonly stopSignal: 'SIGTERM' | 'SIGINT';
  readonly env?: NodeJS.ProcessEnv;
  /** Run as this user and group. */
  readonly user?: string;
  /** Capabilities that it may have, as setpriv(1) names them; default: what is needed for files of all users, and ports below 1024. */
  readonly capabilities?: readonly string[] | 'all';
  /** Comes after the others when CPU is short: 1 to 19, as nice(1) has it. */
  readonly nice?: number;
  /** Answers once the part is of use; `log` is what it has written since it started. */
  readonly isReady: (log: string) => Promise<boolean> | boolean;
  readonly readyWithinMs: number;
}

export interface Part {
  readonly name: string;
  readonly pid: number;
  /** Settles when the process is gone: its exit code, or the signal's name. */
  readonly exited: Promise<number | string>;
  /** Asks it to end and kills it when it has not within ten seconds. */
  stop(): Promise<void>;
}

/** Waits until no earlier process works on the data directory (one that is just ending is given its time). */
export async function waitForLock(lockFile: string, name: string, waitSeconds = lockWaitSeconds): Promise<void> {
  mkdirSync(dirname(lockFile), { recursive: true });
  try {
    await runCommand('flock', ['-w', String(waitSeconds), lockFile, 'true']);
  } catch (error) {
    const hint = `${dirname(lockFile)} is in use by another ${name}: stop it with ./norn down, or set NORN_HOME to another folder`;
    throw new NornError('home_in_use', hint, { cause: error });
  }
}

export async function startPart(plan: PartPlan): Promise<Part> {
  mkdirSync(dirname(plan.logFile), { recursive: true });
  rotate(plan.logFile);
  const logStart = existsSync(plan.logFile) ? statSync(plan.logFile).size : 0;
  const child = spawnPart(plan);
  if (plan.nice !== undefined && child.pid !== undefined) yieldCpu(child.pid, plan.nice);
  child.unref(); // Who wants to outlive it waits for `exited`; a test that failed to stop it may end.
  let ending: number | string | undefined;
  const exited = new Promise<number | string>((resolve) => {
    child.once('error', (error) => {
      ending = messageOf(error);
      resolve(ending);
    });
    child.once('exit', (code, signal) => {
      ending = code ?? signal ?? 'unknown';
      resolve(ending);
    });
  });
  const part: Part = { name: plan.name, pid: child.pid ?? 0, exited, stop: () => stop(child, exited, plan.stopSignal) };
  const deadline = performance.now() + plan.readyWithinMs;
  for (;;) {
    const log = readFileSync(plan.logFile).subarray(logStart).toString();
    if (ending !== undefined) throw notStarted(plan, `ended with ${ending}`, log);
    if (await plan.isReady(log)) return part;
    if (performance.now() > deadline) {
      await part.stop();
      throw notStarted(plan, `was not ready within ${plan.readyWithinMs / 1000} s`, log);
    }
    await sleep(pollMs);
  }
}

/** What a part still needs once it answers. Where that fails the part is stopped: it would hold its lock against the next start. */
export async function readyOrStopped(part: Part, rest: Promise<void>): Promise<void> {
  try {
    await rest;
  } catch (error) {
    await part.stop();
    throw error;
  }
}

// flock and setpriv replace themselves by the part, so the child's pid is the part's.
function spawnPart(plan: PartPlan): ChildProcess {
  const identity = plan.user ? ['--reuid', plan.user, '--regid', plan.user, '--clear-groups'] : [];
  const parentDeath = plan.outlivesParent ? [] : ['--pdeathsig', plan.stopSignal.slice(3)];
  const become = ['setpriv', '--no-new-privs', ...identity, ...parentDeath, ...boundTo(plan)];
  const log = openSync(plan.logFile, 'a', 0o600);
  try {
    return spawn('flock', ['-n', '--no-fork', plan.lockFile, ...become, plan.command, ...plan.args], {
      cwd: plan.cwd,
      env: plan.env,
      stdio: ['ignore', log, log],
      detached: true,
    });
  } finally {
    closeSync(log);
  }
}

/** It and what it starts get no other one. Who runs this without root's rights has none to keep from it. */
function boundTo({ capabilities = usualCapabilities }: PartPlan): string[] {
  const own = /^CapEff:\t([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  if (capabilities === 'all' || ((BigInt(`0x${own}`) >> setpcap) & 1n) === 0n) return [];
  return ['--bounding-set', ['-all', ...capabilities.map((name) => `+${name}`)].join(',')];
}

/** Threads inherit it. The kernel weighs sessions against each other first where it groups by them (sched(7)), and a part is one. */
function yieldCpu(pid: number, nice: number): void {
  setPriority(pid, nice);
  const autogroup = `/proc/${pid}/autogroup`;
  if (existsSync(autogroup)) writeFileSync(autogroup, String(nice));
}

async function stop(child: ChildProcess, exited: Promise<unknown>, signal: NodeJS.Signals): Promise<void> {
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  await exited;
  clearTimeout(timer);
}

function rotate(logFile: string): void {
  if (existsSync(logFile) && statSync(logFile).size > logBytesMax) renameSync(logFile, `${logFile}.1`);
}

function notStarted(plan: PartPlan, what: string, log: string): NornError {
  const tail = log.trimEnd().split('\n').slice(-logTailLines).join('\n');
  if (/No space left on device/i.test(log)) {
    return new NornError(
      'disk_full',
      `${plan.name} ${what}: no space left under ${plan.cwd}; free some and start again\n${tail}`,
    );
  }
  return new NornError('part_not_started', `${plan.name} ${what}; its log ${plan.logFile} ends with:\n${tail}`);
}
