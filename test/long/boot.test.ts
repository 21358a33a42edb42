// An installation that systemd starts: at once, again when it is ended, at the next boot, and no more when it is taken away.
// @norn-strict
import { existsSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer } from '../e2e/installation.ts';
import { BootedMachine, systemd } from './booted-machine.ts';

const launcher = fileURLToPath(new URL('../../norn', import.meta.url));
const portBase = 7880;
const againWithinMs = 120_000;

// A machine without systemd can not show it.
(existsSync(systemd) ? describe : describe.skip)('an installation of a machine that systemd runs', () => {
  const machine = new BootedMachine();
  const home = mkdtempSync('/var/tmp/norn-boot-');
  let unit: string;

  const norn = (...args: string[]): Promise<Answer> =>
    machine.run('env', `NORN_HOME=${home}`, `NORN_PORT_BASE=${String(portBase)}`, launcher, ...args);
  const mainPid = async (): Promise<string> =>
    (await machine.run('systemctl', 'show', '-p', 'MainPID', '--value', unit)).stdout.trim();
  const state = async (): Promise<string> => (await machine.run('systemctl', 'is-active', unit)).stdout.trim();

  beforeAll(() => machine.boot());
  afterAll(async () => {
    await machine.remove();
    await rm(home, { recursive: true, force: true });
  });

  /** Until systemd has it for ready, with another main process than that one. */
  async function againAfter(pid: string): Promise<void> {
    const giveUpAt = performance.now() + againWithinMs;
    // 0 while there is none.
    while ((await state()) !== 'active' || [pid, '0'].includes(await mainPid())) {
      if (performance.now() > giveUpAt) throw new Error(`${unit} is ${await state()}`);
      await sleep(500);
    }
    expect((await norn('status')).stdout).toMatch(/^Norn is up at /);
  }

  it('is up when the command ends, and systemd holds it', async () => {
    const answer = await norn('up', '--no-agent', '--install');
    expect(answer).toMatchObject({ code: 0, stdout: expect.stringContaining('Ready in') });
    [unit = ''] = machine.installed();
    expect([machine.installed().length, await state()]).toEqual([1, 'active']);
  });

  it.each(['KILL', 'STOP'])('is up again after SIG%s of what holds it', async (signal) => {
    const pid = await mainPid();
    await machine.run('systemctl', 'kill', '--kill-who=main', `--signal=${signal}`, unit);
    await againAfter(pid);
  });

  it('is up after the machine lost its power', async () => {
    await machine.lose();
    await machine.boot();
    await againAfter('0');
  });

  it('stays down when it was stopped, and is not replaced by one that systemd does not hold', async () => {
    expect((await norn('down')).stdout).toMatch(/^Stopped/);
    await sleep(3_000);
    expect(await state()).toBe('inactive');
    expect(await norn('up', '-d', '--no-agent')).toMatchObject({ code: 0 });
    expect((await norn('up', '--no-agent', '--install')).stderr).toMatch(/\(already_running\)/);
    expect(await norn('down')).toMatchObject({ code: 0 });
  });

  it('is not started at boot any more once it is taken away', async () => {
    expect((await norn('down', '--uninstall')).stdout).toMatch(/not started at boot any more/);
    expect(machine.installed()).toEqual([]);
  });
});
