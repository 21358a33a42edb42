// Root on a protected host at work on Norn itself: each way is told within half a minute, with who did it, and protection goes on.
// The list is test/hostile/README.md; what root does as it wishes to the machine as a whole (its clock, its disks) is not done here.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ShownHost, ShownPlacedFinding } from '@norn/contracts';
import { type AttackReport, expectUndone } from './undone.ts';
import { startInstallation, type Installation } from './installation.ts';

jest.setTimeout(900_000);

const script = fileURLToPath(new URL('../hostile/ways.py', import.meta.url));
const toldWithinMs = 30_000;

/** run/installation.json, as far as it is asked for here. */
interface RunState {
  readonly parts: readonly { readonly name: string; readonly process?: { readonly pid: number } }[];
}

/** By its name in ways.py: its number in the list, and what is said of it. */
const ways: readonly (readonly [string, number, RegExp])[] = [
  ['starve', 6, /changed the (priority|processors) of the agent's process/],
  ['memory', 7, /ended when memory is short was .* and is 1000 now/],
  ['descriptors', 8, /changed the limits of the agent's process/],
  ['hold', 9, /traces the agent's process/],
  ['write', 10, /opened for writing the memory of the agent's process/],
  ['take', 11, /was killed, since it took a descriptor out of the agent's process/],
  ['empty', 12, /was refused to change an object that the agent has in the kernel/],
  ['fill', 13, /python\S* \(process \d+\) changed an object that the agent has in the kernel/],
  ['switch', 15, /the kernel's switch \S*perf_event_paranoid was \d+ and is \d+ now/],
  ['settings', 19, /wrote to what is of the agent's: .*maintenance\.json/],
  ['key', 25, /python\S* \(process \d+\) read the key of the agent: .*identity\.json/],
  ['name', 25, /gave another name to what is of the agent's: .*identity\.json/],
  ['mounted', 25, /mounted elsewhere what is of the agent's: .*agent/],
  ['replace', 18, /renamed what is of the agent's: .*baldur/],
  ['state', 20, /removed what is of the agent's: .*commands\.journal/],
];

describe('root', () => {
  let norn: Installation;
  let began: string;

  beforeAll(async () => {
    norn = await startInstallation(7830);
    began = new Date().toISOString();
  });
  afterAll(async () => {
    await norn.stop();
  });

  const baldur = (): number => Number(readFileSync(join(norn.home, 'agent/baldur.pid'), 'utf8').split(' ')[0]);

  const tyr = (): { pid: number } => {
    const state = JSON.parse(readFileSync(join(norn.home, 'run/installation.json'), 'utf8')) as RunState;
    return state.parts.find(({ name }) => name === 'tyr')?.process ?? { pid: 0 };
  };

  async function findings(): Promise<ShownPlacedFinding[]> {
    const authorization = `Bearer ${readFileSync(join(norn.home, 'secrets/api.token'), 'utf8').trim()}`;
    const rules = ['attacked', 'weakened', 'blinded', 'ended', 'key_read'].map((what) => `norn.agent_${what}`);
    const answers = rules.map(async (rule) => {
      const answer = await fetch(`${norn.url}/api/v1/findings?rule=${rule}&since=${began}`, {
        headers: { authorization },
      });
      return ((await answer.json()) as { findings: ShownPlacedFinding[] }).findings;
    });
    return (await Promise.all(answers)).flat();
  }

  const told = async (what: RegExp): Promise<ShownPlacedFinding | undefined> => {
    const deadline = performance.now() + toldWithinMs;
    for (;;) {
      const found = (await findings()).find(({ finding }) => what.test(finding.summary));
      if (found !== undefined || performance.now() > deadline) return found;
      await sleep(500);
    }
  };

  it('leaves the agent alone, and nothing is told of it', async () => {
    // Two turns of everything that is looked at again and again.
    await sleep(12_000);
    expect((await findings()).map(({ finding }) => finding.summary)).toEqual([]);
  });

  it('finds no right to load a module, set the clock or end the machine in it', () => {
    // SYS_MODULE, SYS_RAWIO, SYS_BOOT, SYS_TIME.
    const dangerous = [16n, 17n, 22n, 25n].reduce((mask, number) => mask | (1n << number), 0n);
    for (const pid of [tyr().pid, baldur()]) {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      const bound = BigInt(`0x${/^CapBnd:\t(.*)$/m.exec(status)?.[1] ?? 'f'.repeat(16)}`);
      expect(bound & dangerous).toBe(0n);
      expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    }
  });

  it.each(ways)('%s (%i): is told', async (way, _, what) => {
    const done = spawn('python3', [script, way, String(baldur()), join(norn.home, 'agent/baldur')], {
      stdio: 'inherit',
    });
    const ended = once(done, 'exit');
    expect((await told(what))?.finding.summary).toMatch(what);
    // Who takes a descriptor is killed for it.
    await ended;
  });

  it('holds Tyr up for a moment: is told by Baldur', async () => {
    const { pid } = tyr();
    process.kill(pid, 'SIGSTOP');
    await sleep(1_000);
    process.kill(pid, 'SIGCONT');
    expect((await told(new RegExp(`sent SIGSTOP to the agent's process ${pid}`)))?.finding.title).toBe(
      'Agent was attacked',
    );
  });

  it('stops Baldur and lets it be: is told by Tyr, and another one runs', async () => {
    const before = baldur();
    process.kill(before, 'SIGSTOP');
    expect((await told(/^A part of the agent on .* ended without a farewell/))?.finding.title).toBe(
      'Agent ended and was started again',
    );
    expect(baldur()).not.toBe(before);
  });

  it('gains nothing: an attack is stopped and undone as before', async () => {
    const [host] = await norn.json<ShownHost[]>('hosts');
    expect(['protected', 'degraded']).toContain(host?.state);
    expectUndone(await norn.json<AttackReport>('attack', 'ransomware', '--place', 'host', '--mode', 'in-place'));
  });
});
