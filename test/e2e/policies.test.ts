// A policy on a whole installation: put in force by the command line, on the host within seconds, carried out, taken back.
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ShownAlertDetail, ShownHost, ShownPlacedFinding, ShownPolicy } from '@norn/contracts';
import { startInstallation, type Installation } from './installation.ts';

jest.setTimeout(900_000);

/** Gives up after it, ms: what the test waits for takes seconds. */
const PATIENCE_MS = 60_000;
/** After it the program is started anew, ms: one that was started before the policy was taken up is not judged by it. */
const TRY_MS = 3_000;

/** As the command line prints it: what is known of the alert stands beside its lists. */
type PrintedAlert = ShownAlertDetail['alert'] & Omit<ShownAlertDetail, 'alert'>;

const policyText = (action: string): string => `policy: e2e
rules:
  - name: victim
    when: { exec: { Image|endswith: /norn-policy-victim } }
    subjects: { hostGroup: here }
    action: ${action}
    level: high
    tests:
      match: [{ Image: /tmp/norn-policy-victim, HostGroup: here }]
      nomatch: [{ Image: /tmp/norn-policy-victim }]
`;

const saysLetBe = ({ finding }: ShownPlacedFinding): boolean =>
  finding.evidence.some(({ field, value }) => field === 'policy.response' && value === 'observe');

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      resolve(signal ?? `exit ${String(code)}`);
    });
    child.once('error', ({ message }) => {
      resolve(message);
    });
  });
}

describe('a policy', () => {
  let norn: Installation;
  let folder: string;
  let program: string;
  const started: ChildProcess[] = [];
  const began = new Date().toISOString();

  beforeAll(async () => {
    folder = mkdtempSync('/var/tmp/norn-policies-');
    program = join(folder, 'norn-policy-victim');
    copyFileSync('/bin/sleep', program);
    norn = await startInstallation(7790);
  });
  afterAll(async () => {
    for (const child of started) child.kill('SIGKILL');
    await norn.stop();
    rmSync(folder, { recursive: true });
  });

  async function apply(action: string): Promise<string> {
    const file = join(folder, 'policy.yml');
    writeFileSync(file, policyText(action));
    const { stdout, stderr, code } = await norn.norn('policy', 'apply', file);
    if (code !== 0) throw new Error(stderr);
    return stdout;
  }

  async function until<T>(read: () => Promise<T | undefined>, what: string): Promise<T> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const found = await read();
      if (found !== undefined) return found;
      if (performance.now() > deadline) throw new Error(`${what}: has not come to pass`);
      await sleep(250);
    }
  }

  /** What the host says of the version that it was sent. */
  const untilOnHost = (number: number): Promise<ShownHost['policy']> =>
    until(async () => {
      const [host] = await norn.json<ShownHost[]>('hosts');
      return host?.policy.number === number ? host.policy : undefined;
    }, `version ${number} on the host`);

  const untilApplied = (number: number): Promise<true> =>
    until(
      async () => ((await untilOnHost(number)).state === 'applied' ? true : undefined),
      `version ${number} applied`,
    );

  /** Runs the program: how it ended, that a finding says it is let be, or that neither has come to pass yet. */
  async function run(patienceMs = PATIENCE_MS): Promise<string> {
    let child: ChildProcess;
    try {
      child = spawn(program, ['300'], { stdio: 'ignore' });
    } catch (refused) {
      // Some refusals of the kernel are thrown, others told by an event.
      return (refused as Error).message;
    }
    started.push(child);
    const end = endOf(child);
    const deadline = performance.now() + patienceMs;
    while (performance.now() < deadline) {
      const isLetBe = (await pidsLetBe()).includes(child.pid);
      const ended = await Promise.race([end, sleep(250)]);
      if (ended !== undefined || isLetBe) return ended ?? 'is let be';
    }
    return 'not yet told';
  }

  async function pidsLetBe(): Promise<(number | undefined)[]> {
    const authorization = `Bearer ${readFileSync(join(norn.home, 'secrets/api.token'), 'utf8').trim()}`;
    const asked = `${norn.url}/api/v1/findings?rule=policy.e2e.victim&since=${began}`;
    const answer = await (await fetch(asked, { headers: { authorization } })).json();
    const { findings } = answer as { findings: ShownPlacedFinding[] };
    return findings.filter(saysLetBe).map(({ pid }) => pid);
  }

  const untilLetBe = (): Promise<true> =>
    until(async () => ((await run(TRY_MS)) === 'is let be' ? true : undefined), 'the program let be');

  const alertOfRule = (ruleId: string): Promise<PrintedAlert> =>
    until(async () => {
      const alerts = await norn.json<{ id: string }[]>('alerts');
      const details = await Promise.all(alerts.map(({ id }) => norn.json<PrintedAlert>('alert', id)));
      return details.find(({ findings }) => findings.some((each) => each.ruleId === ruleId));
    }, `an alert of ${ruleId}`);

  it('is refused when it fails its own tests, and reaches the host when it is put in force', async () => {
    const group = await norn.norn('hosts', 'groups', 'put', 'here', '*');
    expect([group.code, group.stdout]).toEqual([0, expect.stringMatching(/^here +\* +\S+ +admin/m)]);
    await expect(apply("kill, observeUntil: 'never'")).rejects.toThrow(/policy_invalid|policy\.yml:/);
    expect(await apply('observe')).toContain('Version 1 is in force: e2e. 1 rules: 1 observe.');
    await untilApplied(1);
    await untilLetBe();
  });

  it('kills what its rule says, and tells of it in one alert', async () => {
    expect(await apply('kill')).toContain('Version 2 is in force');
    await untilOnHost(2);
    const killed = await until(async () => {
      // The stage that judges takes it up within seconds; it is to kill one.
      const ended = await run();
      return ended === 'is let be' ? undefined : ended;
    }, 'the program killed');
    expect(killed).toBe('SIGKILL');
    const { severity, title, findings, commands } = await alertOfRule('policy.e2e.victim');
    expect({ severity, title }).toMatchObject({ severity: 'high', title: 'Policy e2e: victim' });
    const found = findings.find(({ ruleId }) => ruleId === 'policy.e2e.victim');
    expect(found?.evidence.map(({ field, value }) => `${field} ${value}`)).toEqual(
      expect.arrayContaining(['policy.action kill', 'policy.response kill']),
    );
    expect(commands.map(({ action, requestedBy, state }) => [action, requestedBy, state])).toContainEqual([
      'kill',
      'policy',
      'succeeded',
    ]);
  });

  describe('that denies, where the host can refuse it', () => {
    it('keeps the program from starting, and tells of it', async () => {
      await apply('deny');
      await untilApplied(3);
      expect(await run()).toMatch(/EPERM|EACCES/);
      const { summary, findings, commands } = await until(async () => {
        const detail = await alertOfRule('policy.e2e.victim');
        return detail.findings.some(({ rung }) => rung === 'denied') ? detail : undefined;
      }, 'a finding of the denial');
      expect(summary).toMatch(/did not let it happen|denied/);
      const denied = findings.filter(({ rung }) => rung === 'denied');
      expect(denied.map(({ ruleId }) => ruleId)).toContain('policy.e2e.victim');
      expect(commands.filter(({ action }) => action === 'kill')).toHaveLength(1);
    });

    it('keeps it from connecting, and lets others connect', async () => {
      const server = createServer((socket) => socket.end());
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      const caller = join(folder, 'norn-policy-caller');
      copyFileSync('/bin/bash', caller);
      writeFileSync(
        join(folder, 'policy.yml'),
        `policy: e2e
rules:
  - name: no-calls
    when: { network: { DestinationIp|cidr: 127.0.0.0/8, DestinationPort: ${port} }, operations: [out] }
    subjects: { program: ${caller} }
    action: deny
`,
      );
      expect((await norn.norn('policy', 'apply', join(folder, 'policy.yml'))).code).toBe(0);
      await untilApplied(4);
      const call = (shell: string): Promise<number | null> =>
        new Promise((resolve) => {
          const child = spawn(shell, ['-c', `exec 3<>/dev/tcp/127.0.0.1/${port}`], { stdio: 'ignore' });
          child.once('exit', resolve);
        });
      expect(await call('/bin/bash')).toBe(0);
      expect(await call(caller)).not.toBe(0);
      await alertOfRule('policy.e2e.no-calls');
      server.close();
    });
  });

  it('stands in the history, and an earlier version is taken up again', async () => {
    const history = await norn.json<ShownPolicy[]>('policy', 'history');
    expect(history.map(({ number, inForce, appliedBy }) => [number, inForce, appliedBy])).toEqual([
      [4, true, 'admin'],
      [3, false, 'admin'],
      [2, false, 'admin'],
      [1, false, 'admin'],
    ]);
    const { stdout, code } = await norn.norn('policy', 'rollback', '1');
    expect([code, stdout]).toEqual([0, expect.stringContaining('Version 5 is in force: e2e, the text of version 1')]);
    await untilOnHost(5);
    expect((await norn.norn('policy', 'show')).stdout).toContain('action: observe');
    const unknown = await norn.norn('policy', 'rollback', '9');
    expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('has no version 9')]);
    await untilLetBe();
  });
});
