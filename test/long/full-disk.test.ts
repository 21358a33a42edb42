// The disk fills, and has room again: what ended runs again without a person. A file system of its own for the installation's state.
// @norn-strict
import { execFileSync } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync, writeSync, closeSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { callNorn, type Answer } from '../e2e/installation.ts';

const portBase = 7940;
const megabytes = 1_500;
const chunk = Buffer.alloc(1024 * 1024);

interface RunState {
  supervisor: { pid: number };
  parts: { name: string; process?: { pid: number }; restarts: number }[];
}

describe('a full disk', () => {
  const home = mkdtempSync('/var/tmp/norn-full-');
  const ballast = join(home, 'logs', 'ballast');
  const env = { ...process.env, NORN_HOME: home, NORN_PORT_BASE: String(portBase) };
  const norn = (...args: string[]): Promise<Answer> => callNorn(args, env);
  const state = (): RunState => JSON.parse(readFileSync(join(home, 'run/installation.json'), 'utf8')) as RunState;

  beforeAll(async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${String(megabytes)}m,mode=711`, 'norn-full', home]);
    const { code, stdout, stderr } = await norn('up', '-d', '--separate', '--no-agent');
    if (code !== 0) throw new Error(stdout + stderr);
  }, 600_000);

  afterAll(async () => {
    await norn('down');
    execFileSync('umount', [home]);
    rmdirSync(home);
  });

  it('ends nothing for good: the supervisor stays, status names it, and all runs again once there is room', async () => {
    const { supervisor, parts } = state();
    fill(ballast);
    // They end while nothing can be written, the stages too.
    for (const { process: own } of parts) if (own) process.kill(own.pid, 'SIGKILL');
    const full = await norn('status');
    expect([full.code, full.stdout]).toEqual([1, expect.stringMatching(/file system of .* has .* left/)]);
    // Long enough for several starts that fail.
    await sleep(20_000);
    expect(isAlive(supervisor.pid)).toBe(true);
    rmSync(ballast);
    await until('every part to answer', async () => everybodyAnswers(await norn('status', '--json')));
    expect(state().supervisor.pid).toBe(supervisor.pid);
    expect(state().parts.every(({ restarts }) => restarts > 0)).toBe(true);
  }, 600_000);
});

function fill(file: string): void {
  const descriptor = openSync(file, 'w');
  for (let bytes = chunk.length; bytes > 0;) {
    try {
      writeSync(descriptor, chunk, 0, bytes);
    } catch {
      bytes = Math.floor(bytes / 2); // Down to the last byte.
    }
  }
  closeSync(descriptor);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false; // Gone.
  }
}

function everybodyAnswers({ stdout }: Answer): boolean {
  const { parts = [] } = JSON.parse(stdout) as { parts?: { state: string }[] };
  return parts.length > 0 && parts.every((part) => part.state === 'answers');
}

async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (await isTrue()) return;
    await sleep(1_000);
  }
  throw new Error(`Waited too long for ${what}`);
}
