// What is told of the agent of a joined host that is held, copied or stopped. The rest of joining is in test/e2e/join.test.ts.
// @norn-strict
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ShownAlert, ShownHost, ShownJoinToken } from '@norn/contracts';
import { type Installation, startInstallation } from '../e2e/installation.ts';
import { isGone, newHome, until } from '../e2e/joined-home.ts';

jest.setTimeout(300_000);

/** Then the test lets go by itself, and has failed. */
const heldAtMostMs = 45_000;

describe('the agent of a joined host', () => {
  const host = newHome();
  let norn: Installation;
  let hostId: string;

  beforeAll(async () => {
    norn = await startInstallation(7760, 'withoutAgent');
    const { invitation } = await norn.json<ShownJoinToken>('hosts', 'invite');
    expect(await host.join(invitation)).toMatchObject({ code: 0 });
    const [joined] = await norn.json<ShownHost[]>('hosts');
    hostId = joined?.id ?? '';
  }, 600_000);
  afterAll(async () => {
    await host.remove();
    await norn.stop();
  });

  it('lets the host go on while all of its agent is held, is missed, and is there again when it is let go', async () => {
    const fresh = join(host.home, 'not-looked-at-before');
    copyFileSync('/bin/true', fresh);
    // It waits in a program that runs: to start one while the agent is held would hold this test.
    const program = spawn('/bin/sh', ['-c', 'read line; exec "$0"', fresh], { stdio: ['pipe', 'ignore', 'inherit'] });
    const pids = host.pids();
    const heldAt = Date.now();
    const letGo = (): void => {
      for (const pid of pids) if (existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGCONT');
    };
    const tooLong = setTimeout(letGo, heldAtMostMs);
    try {
      for (const pid of pids) process.kill(pid, 'SIGSTOP');
      program.stdin.end('go\n');
      expect(await once(program, 'exit')).toEqual([0, null]);
      expect(Date.now() - heldAt).toBeLessThan(heldAtMostMs);
      const isMissed = ({ title, updatedAt }: ShownAlert): boolean =>
        title === 'Host fell silent' && Date.parse(updatedAt) > heldAt;
      const alerts = await until(
        () => norn.json<ShownAlert[]>('alerts'),
        (all) => all.some(isMissed),
      );
      expect(alerts.filter(isMissed)).toHaveLength(1);
    } finally {
      clearTimeout(tooLong);
      letGo();
    }
    const [again] = await until(
      () => norn.json<ShownHost[]>('hosts'),
      ([shown]) => shown?.state === 'protected' || shown?.state === 'degraded',
    );
    expect(['protected', 'degraded']).toContain(again?.state);
  });

  it('is told of when a copy of its disk speaks in its place, though it says that all ended in order', async () => {
    const copy = newHome();
    const startedAt = Date.now();
    const isTold = ({ title, updatedAt }: ShownAlert): boolean =>
      title === 'Another agent speaks for a host' && Date.parse(updatedAt) > startedAt;
    try {
      for (const pid of host.pids()) process.kill(pid, 'SIGKILL');
      cpSync(host.home, copy.home, { recursive: true, filter: (path) => !/\.(sock|pid|lock)$|\/run$/.test(path) });
      const farewell = join(copy.home, 'agent/farewell.json');
      const { uncleanStarts } = JSON.parse(readFileSync(farewell, 'utf8')) as { uncleanStarts: number };
      writeFileSync(farewell, JSON.stringify({ running: false, uncleanStarts }));
      expect(await copy.norn('join')).toMatchObject({ code: 0 });
      const alerts = await until(
        () => norn.json<ShownAlert[]>('alerts'),
        (all) => all.some(isTold),
      );
      expect(alerts.filter(isTold)).toMatchObject([{ severity: 'critical', hostId }]);
    } finally {
      await copy.remove();
    }
    expect(await host.norn('join')).toMatchObject({ code: 0 });
  });

  it('whose agent is stopped is told of, unless that was with its maintenance token', async () => {
    const [before] = await norn.json<ShownHost[]>('hosts');
    const id = before?.id ?? '';
    const stoppedAt = Date.now();
    const isTold = ({ title, updatedAt, hostId: of, hosts }: ShownAlert): boolean =>
      isGone(title) && Date.parse(updatedAt) > stoppedAt && [of, ...hosts.map((one) => one.hostId)].includes(id);
    const told = async (): Promise<ShownAlert[]> => (await norn.json<ShownAlert[]>('alerts')).filter(isTold);
    expect((await host.stop(norn)).stdout).toMatch(/Stopped/);
    // Longer than it takes where it is told.
    await sleep(20_000);
    expect(await told()).toEqual([]);
    expect(await host.norn('join')).toMatchObject({ code: 0 });
    const [supervisor = 0] = host.pids();
    process.kill(supervisor, 'SIGTERM');
    expect(await until(told, (alerts) => alerts.length > 0)).toMatchObject([
      { title: 'Agent was stopped', severity: 'high' },
    ]);
    expect(await host.norn('join')).toMatchObject({ code: 0 });
  });
});
