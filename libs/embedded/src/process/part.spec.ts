import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { startPart, type PartPlan } from './part.ts';
import { isAlive, processIdentity } from './process.ts';

const repository = fileURLToPath(new URL('../../../..', import.meta.url));

describe('a part', () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'norn-part-'));
  });
  afterEach(() => {
    rmSync(home, { recursive: true });
  });

  const plan = (script: string, extra: Partial<PartPlan> = {}): PartPlan => ({
    name: 'sleeper',
    command: 'sh',
    args: ['-c', script],
    cwd: home,
    logFile: join(home, 'part.log'),
    lockFile: join(home, 'part.lock'),
    stopSignal: 'SIGTERM',
    isReady: (log) => log.includes('ready'),
    readyWithinMs: 10_000,
    ...extra,
  });

  it('is ready when it says so, and gone after stop', async () => {
    const part = await startPart(plan('echo ready; exec sleep 60'));
    const identity = processIdentity(part.pid);
    expect(identity).toBeDefined();
    await part.stop();
    expect(identity && isAlive(identity)).toBe(false);
    expect(await part.exited).toBe('SIGTERM');
  });

  it('can gain nothing, and has of the rights of root what it needs, as has what it starts', async () => {
    const shown = 'grep -E "^(NoNewPrivs|CapEff|CapBnd)" /proc/self/status; echo ready; exec sleep 60';
    const rightsOf = async (extra: Partial<PartPlan>): Promise<string[]> => {
      rmSync(join(home, 'part.log'), { force: true });
      await (await startPart(plan(shown, extra))).stop();
      return readFileSync(join(home, 'part.log'), 'utf8').match(/\S+:\t[0-9a-f]+/g) ?? [];
    };
    const bits = (...numbers: number[]): string =>
      numbers
        .reduce((all, number) => all | (1n << BigInt(number)), 0n)
        .toString(16)
        .padStart(16, '0');
    const usual = bits(0, 1, 2, 3, 10);
    expect(await rightsOf({})).toEqual([`CapEff:\t${usual}`, `CapBnd:\t${usual}`, 'NoNewPrivs:\t1']);
    const asked = bits(5, 21);
    expect(await rightsOf({ capabilities: ['kill', 'sys_admin'] })).toEqual([
      `CapEff:\t${asked}`,
      `CapBnd:\t${asked}`,
      'NoNewPrivs:\t1',
    ]);
  });

  it('that may wait for CPU has a nice value', async () => {
    const part = await startPart(plan('echo ready; exec sleep 60', { nice: 10 }));
    expect(getPriority(part.pid)).toBe(10);
    await part.stop();
  });

  it('that ends at once is reported with the last it said', async () => {
    await expect(startPart(plan('echo no such luck; exit 3'))).rejects.toMatchObject({
      code: 'part_not_started',
      message: expect.stringMatching(/ended with 3.*no such luck/s),
    });
  });

  it('that fills the disk is reported as that', async () => {
    const full = plan('echo "write failed: No space left on device"; exit 1');
    await expect(startPart(full)).rejects.toMatchObject({ code: 'disk_full' });
  });

  it('does not start beside another on the same lock', async () => {
    const first = await startPart(plan('echo ready; exec sleep 60'));
    await expect(startPart(plan('echo ready; exec sleep 60'))).rejects.toMatchObject({ code: 'part_not_started' });
    await first.stop();
  });

  it('ends when its supervisor is killed', async () => {
    const program = join(home, 'supervisor.ts');
    const module = join(repository, 'libs/embedded/src/process/part.ts');
    const sleeper = JSON.stringify({ ...plan('echo ready; exec sleep 60'), isReady: undefined });
    writeFileSync(
      program,
      `import { startPart } from '${module}';
       const part = await startPart({ ...${sleeper}, isReady: (log) => log.includes('ready') });
       console.log(part.pid);
       setInterval(() => undefined, 1000);`,
    );
    const register = join(repository, 'deploy/runtime/register.mjs');
    const supervisor = spawn(process.execPath, ['--import', register, program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = (await once(supervisor.stdout, 'data')) as [Buffer];
    const sleeping = processIdentity(Number(said.toString()));
    if (!sleeping) throw new Error('The part does not run');
    supervisor.kill('SIGKILL');
    while (isAlive(sleeping)) await sleep(10);
  });
});
