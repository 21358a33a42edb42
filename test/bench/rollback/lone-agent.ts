// Baldur by itself, for as long as something is measured: it watches and keeps pre-images, and stops nobody.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { NornError } from '@norn/base';
import type { event } from '@norn/contracts';
import { cpuTicks, endProcess, processIdentity } from '@norn/embedded';
import { BaldurLink } from '@norn/tyr';
import { createLogger } from '@norn/telemetry';

export interface LoneAgent {
  /** What its last heartbeat said. */
  health(): event.AgentHealth | undefined;
  /** Resident memory now, bytes. */
  rssBytes(): number;
  stop(): Promise<void>;
}

/** Reflexes act below this pid only: on nobody. */
const actBelow = '1';
const connectWithinMs = 30_000;
const settleWithinMs = 120_000;
const settlePollMs = 300;
const quietPolls = 4;
/** Ticks of 10 ms in one poll; its timers cost less. */
const quietTicks = 1;
const killAfterMs = 10_000;

/** Throws `agent_runs` when there is one already: two vaults hold up each other's opens. */
export function refuseOtherAgent(): void {
  const pid = readdirSync('/proc').find((name) => /^\d+$/.test(name) && isBaldur(name));
  if (!pid) return;
  throw new NornError(
    'agent_runs',
    `Baldur runs already (pid ${pid}), and what it costs can only be measured against none: ./norn down first`,
  );
}

function isBaldur(pid: string): boolean {
  try {
    return processIdentity(Number(pid)) !== undefined && readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'baldur';
  } catch {
    return false; // It has ended meanwhile.
  }
}

/** Returns when its start's own work is done: the snapshot, and the copies of what lies in `protect`. `baldur`: the program. */
export async function startLoneAgent(baldur: string, dir: string, protect: string): Promise<LoneAgent> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const socket = join(dir, 'baldur.sock');
  const told: { health?: event.AgentHealth | undefined; connected?: boolean } = {};
  const link: BaldurLink = new BaldurLink(
    socket,
    {
      onHello: () => (told.connected = true),
      onHeartbeat: ({ health }) => (told.health = health),
      onBatch: (_, batchSeq) => link.send({ case: 'batchAck', value: batchSeq }),
      onOutcome: () => undefined,
      onPolicyStatus: () => undefined,
      onFarewell: () => undefined,
      onGone: () => (told.connected = false),
    },
    // What it says of a connection that ends is no news here.
    createLogger('bench').child({}, { level: 'fatal' }),
  );
  await link.listen();
  const pid = launch(baldur, dir, ['--socket', socket, '--protect', protect]);
  const stop = async (): Promise<void> => {
    const identity = processIdentity(pid);
    if (identity) await endProcess(identity, killAfterMs);
    link.close();
  };
  try {
    await untilConnected(() => told.connected === true, dir);
    await untilQuiet(pid);
  } catch (error) {
    await stop();
    throw error;
  }
  return { health: () => told.health, rssBytes: () => rssBytes(pid), stop };
}

function launch(baldur: string, dir: string, given: readonly string[]): number {
  const log = openSync(join(dir, 'baldur.log'), 'a');
  const flags = [...given, '--state-dir', join(dir, 'state'), '--act-below', actBelow];
  // A session of its own, so that Ctrl-C ends it in order; and it never outlives this process.
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', baldur, 'run', ...flags], {
    stdio: ['ignore', log, log],
    cwd: '/',
    detached: true,
  });
  closeSync(log);
  if (child.pid === undefined) throw new NornError('agent_missing', `${baldur} does not start`);
  return child.pid;
}

async function untilConnected(isConnected: () => boolean, dir: string): Promise<void> {
  const deadline = performance.now() + connectWithinMs;
  while (!isConnected()) {
    if (performance.now() > deadline)
      throw new NornError('agent_silent', `Baldur has not connected: see ${dir}/baldur.log`);
    await sleep(20);
  }
}

async function untilQuiet(pid: number): Promise<void> {
  const deadline = performance.now() + settleWithinMs;
  let quiet = 0;
  for (let before = cpuTicks(pid); quiet < quietPolls && performance.now() < deadline;) {
    await sleep(settlePollMs);
    const now = cpuTicks(pid);
    quiet = now - before <= quietTicks ? quiet + 1 : 0;
    before = now;
  }
}

function rssBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? NaN) * 1024;
}
