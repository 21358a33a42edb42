// The supervisor with baldurs that are real processes on a real socket; what they do is fake.
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { BaldurLink } from '../src/baldur/baldur-link.ts';
import { Supervisor } from '../src/baldur/supervisor.ts';

const logger = pino({ level: 'silent' });
const capped: number[] = [];
let agentDir: string;
let started: { readonly link: BaldurLink; readonly supervisor: Supervisor }[] = [];

async function startSupervisor(): Promise<{ readonly link: BaldurLink; readonly supervisor: Supervisor }> {
  const socket = join(agentDir, 'baldur.sock');
  const supervisor: Supervisor = new Supervisor({
    baldurPath: join(agentDir, 'fake-baldur'),
    agentDir,
    socket,
    protectedPaths: ['/srv'],
    keptPaths: ['/etc'],
    canaries: [],
    hookedPrograms: [],
    pathsAreChosen: false,
    hookSuspects: false,
    logger,
    nowMs: () => performance.now(),
    cap: (pid) => {
      capped.push(pid);
      return { available: true, mechanism: 'none', detail: '' };
    },
  });
  const link = new BaldurLink(
    socket,
    {
      onHello: (hello) => {
        supervisor.onHello(hello);
      },
      onHeartbeat: (heartbeat) => {
        supervisor.onHeartbeat(heartbeat);
      },
      onFarewell: () => undefined,
      onGone: () => {
        supervisor.onGone();
      },
      onBatch: () => undefined,
      onOutcome: () => undefined,
      onPolicyStatus: () => undefined,
    },
    logger,
  );
  await link.listen();
  supervisor.start();
  started.push({ link, supervisor });
  return { link, supervisor };
}

const pidOf = () =>
  existsSync(join(agentDir, 'baldur.pid'))
    ? Number(readFileSync(join(agentDir, 'baldur.pid'), 'utf8').split(' ')[0])
    : 0;

/** In the process table and not a zombie. */
function isRunning(pid: number): boolean {
  return existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

/** Gives up, so that a failed test ends. */
async function until(isTrue: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!isTrue()) {
    if (performance.now() > deadline) throw new Error('It has not become true');
    await sleep(20);
  }
}

function setFault(fault: string): void {
  writeFileSync(join(agentDir, 'fault'), fault);
}

beforeEach(() => {
  agentDir = mkdtempSync(join(tmpdir(), 'norn-supervisor-'));
  const script = `#!/bin/sh\nexec '${process.execPath}' '${join(__dirname, 'fake-baldur.mjs')}' "$@"\n`;
  writeFileSync(join(agentDir, 'fake-baldur'), script);
  chmodSync(join(agentDir, 'fake-baldur'), 0o755);
  started = [];
});

afterEach(async () => {
  for (const { link, supervisor } of started) {
    await supervisor.stop();
    link.close();
  }
  rmSync(agentDir, { recursive: true });
});

it('starts a baldur in a process group of its own, caps it, and ends it when it is stopped', async () => {
  const { link, supervisor } = await startSupervisor();
  await until(() => link.isConnected);
  const pid = pidOf();
  const [, , group] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  expect(Number(group)).toBe(pid);
  expect(capped).toContain(pid);
  expect(readFileSync(join(agentDir, 'baldur.log'), 'utf8')).toContain('fake baldur runs');
  await supervisor.stop();
  expect(isRunning(pid)).toBe(false);
});

it('starts another when one ends', async () => {
  const { link, supervisor } = await startSupervisor();
  await until(() => link.isConnected);
  const first = pidOf();
  process.kill(first, 'SIGKILL');
  await until(() => pidOf() !== first && link.isConnected);
  expect(supervisor.restarts).toBe(1);
});

it.each(['silent', 'responder hangs'])('ends one that is there but not well: %s', async (fault) => {
  const { link, supervisor } = await startSupervisor();
  await until(() => link.isConnected);
  const hung = pidOf();
  setFault(fault);
  await until(() => !isRunning(hung));
  setFault('');
  await until(() => pidOf() !== hung && link.isConnected);
  expect(supervisor.restarts).toBeGreaterThanOrEqual(1);
});

it('adopts the baldur of a tyr that was killed', async () => {
  const first = await startSupervisor();
  await until(() => first.link.isConnected);
  const pid = pidOf();
  const [killed] = started.splice(0);
  clearInterval((killed?.supervisor as unknown as { timer: NodeJS.Timeout }).timer);
  killed?.link.close();
  const second = await startSupervisor();
  await until(() => second.link.isConnected);
  await sleep(2500);
  expect(pidOf()).toBe(pid);
  expect(second.supervisor.restarts).toBe(0);
  expect(second.supervisor.capReport.available).toBe(true);
});

it('ends the baldur of a tyr that was killed when it does not connect, and starts another', async () => {
  const first = await startSupervisor();
  await until(() => first.link.isConnected);
  const pid = pidOf();
  const [killed] = started.splice(0);
  setFault('never connects');
  clearInterval((killed?.supervisor as unknown as { timer: NodeJS.Timeout }).timer);
  killed?.link.close();
  await sleep(300);
  const second = await startSupervisor();
  await until(() => !isRunning(pid));
  setFault('');
  await until(() => second.link.isConnected);
  expect(pidOf()).not.toBe(pid);
});

it('refuses to start beside another tyr', async () => {
  await startSupervisor();
  await expect(startSupervisor()).rejects.toThrow(/Another tyr listens/);
});
