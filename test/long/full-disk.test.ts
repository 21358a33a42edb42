// The disk fills, and has room again: what ended runs again without a person, and what was acked is there. A file system of its own for the
// installation's state.
// @norn-strict
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { callNorn, type Answer } from '../e2e/installation.ts';
import { startLoaded, type LoadedInstallation } from './loaded-installation.ts';
import { mountExt4, mountTmpfs, type SmallDisk } from './small-disk.ts';

const portBase = 7940;
const megabytes = 1_500;
/** Long enough for several starts that fail. */
const fullForMs = 40_000;
const waitMs = 200_000;
/** Starts of Kafka that are cut off, each this long after it began. */
const startsCutOffMs = [700, 1_200, 1_700];

interface RunState {
  supervisor: { pid: number };
  parts: { name: string; process?: { pid: number }; restarts: number }[];
}

describe('a full disk', () => {
  let disk: SmallDisk;
  let norn: (...args: string[]) => Promise<Answer>;
  const state = (): RunState => JSON.parse(readFileSync(join(disk.path, 'run/installation.json'), 'utf8')) as RunState;

  beforeAll(async () => {
    disk = mountTmpfs(megabytes);
    const env = { ...process.env, NORN_HOME: disk.path, NORN_PORT_BASE: String(portBase) };
    norn = (...args) => callNorn(args, env);
    const { code, stdout, stderr } = await norn('up', '-d', '--separate', '--no-agent');
    if (code !== 0) throw new Error(stdout + stderr);
  }, 600_000);

  afterAll(async () => {
    await norn('down');
    disk.remove();
  });

  it('ends nothing for good: the supervisor stays, status names it, and all runs again once there is room', async () => {
    const { supervisor, parts } = state();
    disk.fill();
    // They end while nothing can be written, the stages too.
    for (const { process: own } of parts) if (own) kill(own.pid);
    const full = await norn('status');
    expect([full.code, full.stdout]).toEqual([1, expect.stringMatching(/file system of .* has .* left/)]);
    // Long enough for several starts that fail.
    await sleep(20_000);
    expect(isAlive(supervisor.pid)).toBe(true);
    disk.free();
    await until('every part to answer', async () => everybodyAnswers(await norn('status', '--json')));
    expect(state().supervisor.pid).toBe(supervisor.pid);
    expect(state().parts.every(({ restarts }) => restarts > 0)).toBe(true);
  }, 600_000);
});

describe('a disk that fills while hosts send', () => {
  let disk: SmallDisk;
  let loaded: LoadedInstallation;

  beforeAll(async () => {
    // Blocks of 4 KiB, as most installations have them: Kafka's maps of its indexes do not fail first, as on a tmpfs.
    disk = mountExt4(megabytes);
    loaded = await startLoaded(disk.path, portBase + 20);
    await acksMore();
  }, 600_000);

  afterAll(async () => {
    try {
      await loaded.stop();
    } finally {
      disk.remove();
    }
  }, 120_000);

  const acksMore = async (): Promise<void> => {
    const before = loaded.acked();
    await until('batches to be acked', () => loaded.acked() > before + 60);
  };

  /** Nothing acked is missing, nothing counts twice, and every stage reads. */
  async function expectAllIsWell(stages: string): Promise<void> {
    await acksMore();
    await until('every part to answer', async () => everybodyAnswers(await loaded.norn('status', '--json')));
    expect(readdirSync(join(disk.path, 'kafka/data')).filter((name) => name.endsWith('-stray'))).toEqual([]);
    expect(await loaded.lost()).toBe(0);
    const acked = loaded.ackedEvents();
    await until('every acked event to be stored', async () => (await loaded.stored()).rows >= acked);
    const { rows, distinct } = await loaded.stored();
    expect(rows).toBe(distinct);
    expect(await loaded.unread()).toEqual([]);
    expect(loaded.pidOf('stages')).toBe(stages);
  }

  it('slowly: Kafka is stopped before it is full, says so, and goes on when there is room', async () => {
    const stages = loaded.pidOf('stages');
    await disk.fillSlowly();
    await disk.keepFull(fullForMs);
    const { code, stdout } = await loaded.norn('status');
    expect([code, stdout]).toEqual([1, expect.stringMatching(/kafka [^·]*disk_full/)]);
    disk.free();
    await expectAllIsWell(stages);
    expect(readFileSync(join(disk.path, 'logs/supervisor.log'), 'utf8')).toMatch(/kafka ended with disk_full/);
  }, 600_000);

  it('at once: Kafka ends before anybody can look, and what it had acked is there', async () => {
    const stages = loaded.pidOf('stages');
    disk.fillAtOnce();
    await disk.keepFull(fullForMs);
    const { code, stdout } = await loaded.norn('status');
    expect([code, stdout]).toEqual([1, expect.stringMatching(/kafka does not run/)]);
    disk.free();
    await expectAllIsWell(stages);
  }, 600_000);

  it('again in the midst of Kafka’s start: that start fails, and costs nothing', async () => {
    const stages = loaded.pidOf('stages');
    for (const afterMs of startsCutOffMs) {
      disk.fillAtOnce();
      await disk.keepFull(5_000);
      const begins = kafkaStartsAfter(join(disk.path, 'kafka/server.properties'));
      disk.free();
      await begins;
      await sleep(afterMs);
    }
    disk.fillAtOnce();
    await disk.keepFull(5_000);
    disk.free();
    await expectAllIsWell(stages);
  }, 600_000);
});

/** Written anew before each start. */
async function kafkaStartsAfter(file: string): Promise<void> {
  const before = statSync(file).mtimeMs;
  await until('Kafka to be started', () => statSync(file).mtimeMs !== before, 20);
}

/** Kafka may have been stopped before: it does not wait until all is full. */
function kill(pid: number): void {
  if (isAlive(pid)) process.kill(pid, 'SIGKILL');
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

async function until(what: string, isTrue: () => boolean | Promise<boolean>, everyMs = 1_000): Promise<void> {
  const end = performance.now() + waitMs;
  while (performance.now() < end) {
    if (await isTrue()) return;
    await sleep(everyMs);
  }
  throw new Error(`Waited too long for ${what}`);
}
