import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processIdentity } from '@norn/embedded';
import type { Installation, Ports } from '../installation/installation.ts';
import { writeRunState, type RunState } from '../installation/run-state.ts';
import { isHeld, refuseSecondStart, waitForOwnLock } from './second-start.ts';

describe('a second start of an installation', () => {
  let installation: Installation;
  let holder: ChildProcess | undefined;
  beforeEach(() => {
    const home = mkdtempSync(join(tmpdir(), 'norn-second-'));
    installation = { home, ports: {} as Ports, path: (...parts) => join(home, ...parts) };
    for (const name of ['run', 'logs']) mkdirSync(join(home, name));
  });
  afterEach(async () => {
    if (holder?.kill('SIGKILL') === true) await once(holder, 'exit');
    rmSync(installation.home, { recursive: true });
  });

  const left = (phase: RunState['phase'], message: string): void => {
    const supervisor = processIdentity(process.pid)!;
    writeRunState(installation, { supervisor, phase, portBase: 7400, message, separate: false, parts: [] });
  };
  const start = (): Promise<void> => waitForOwnLock(installation, installation.path('run', 'supervisor.lock'), 0);

  it('is told that this one starts, or runs; what is being stopped may be waited for', async () => {
    left('starting', 'Starting Kafka');
    await expect(start()).rejects.toMatchObject({
      code: 'already_starting',
      message: expect.stringMatching(/norn-second-.* is starting already, by another command \(Starting Kafka\): /),
    });
    left('ready', 'Ready');
    await expect(start()).rejects.toMatchObject({ code: 'already_running' });
    left('stopping', 'Stopping');
    expect(() => {
      refuseSecondStart(installation);
    }).not.toThrow();
  });

  it('is told so too while the first one has said nothing yet', async () => {
    const lockFile = installation.path('run', 'supervisor.lock');
    await expect(start()).resolves.toBeUndefined();
    expect(await isHeld(lockFile)).toBe(false);
    holder = spawn('flock', ['--no-fork', lockFile, 'sh', '-c', 'echo held; exec sleep 600'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(holder.stdout!, 'data');
    expect(await isHeld(lockFile)).toBe(true);
    await expect(start()).rejects.toMatchObject({
      code: 'already_starting',
      message: expect.stringMatching(/is starting already, by another command: \.\/norn status/),
    });
  });
});
