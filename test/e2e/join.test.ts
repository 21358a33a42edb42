// Another host joins a running installation: by one command, once per invited host, and only the installation that invited it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, cpSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ShownAlert,
  type ShownHost,
  type ShownJoinToken,
  decodeInvitation,
  encodeInvitation,
} from '@norn/contracts';
import { type Answer, type Installation, callNorn, startInstallation } from './installation.ts';

const portBase = 7760;
const missedWithinMs = 30_000;
/** Then the test lets go by itself, and has failed. */
const heldAtMostMs = 45_000;

async function until<T>(ask: () => Promise<T>, is: (answer: T) => boolean): Promise<T> {
  const deadline = performance.now() + missedWithinMs;
  for (;;) {
    const answer = await ask();
    if (is(answer) || performance.now() > deadline) return answer;
    await sleep(1_000);
  }
}

const isGone = (title: string): boolean => title === 'Host fell silent' || title === 'Agent was stopped';

/** run/installation.json, as far as it is asked for here. */
interface RunState {
  readonly supervisor: { readonly pid: number };
  readonly parts: readonly { readonly process?: { readonly pid: number } }[];
}

interface JoinedHome {
  readonly home: string;
  norn(...args: string[]): Promise<Answer>;
  join(invitation: string): Promise<Answer>;
  has(...path: string[]): boolean;
  /** Of the supervisor, tyr and baldur. */
  pids(): number[];
  /** With its maintenance token, as its installation shows it. */
  stop(installation: Installation): Promise<Answer>;
  remove(): Promise<void>;
}

/** Where a machine of its own would keep the state of its agent. */
function newHome(): JoinedHome {
  const home = mkdtempSync('/var/tmp/norn-joined-');
  const environment = { ...process.env, NORN_HOME: home };
  const norn = (...args: string[]): Promise<Answer> => callNorn(args, environment);
  return {
    home,
    norn,
    join: (invitation) => callNorn(['join', '-'], environment, invitation),
    has: (...path) => existsSync(join(home, ...path)),
    pids: () => {
      const state = JSON.parse(readFileSync(join(home, 'run/installation.json'), 'utf8')) as RunState;
      const [baldur = ''] = readFileSync(join(home, 'agent/baldur.pid'), 'utf8').split(' ');
      return [state.supervisor.pid, ...state.parts.flatMap(({ process }) => process?.pid ?? []), Number(baldur)];
    },
    stop: async (installation) => {
      const { hostId } = JSON.parse(readFileSync(join(home, 'agent/identity.json'), 'utf8')) as { hostId: string };
      const { stdout } = await installation.norn('hosts', 'token', hostId);
      return callNorn(['down', '-'], environment, stdout);
    },
    remove: async () => {
      // Whose installation goes as well has no use for a token.
      await rm(join(home, 'agent/maintenance.json'), { force: true });
      await norn('down');
      await rm(home, { recursive: true, force: true });
    },
  };
}

describe('a host that joins', () => {
  const host = newHome();
  const other = newHome();
  let norn: Installation;
  let made: ShownJoinToken;
  let hostId: string;

  beforeAll(async () => {
    norn = await startInstallation(portBase, 'withoutAgent');
    made = await norn.json<ShownJoinToken>('hosts', 'invite');
  }, 600_000);
  afterAll(async () => {
    await Promise.all([host.remove(), other.remove()]);
    await norn.stop();
  });

  /** As from an installation with another authority. */
  const ofAnother = (): string =>
    encodeInvitation({ ...decodeInvitation(made.invitation), authority: 'ab'.repeat(32) });
  const ended = ({ code, stderr }: Answer): { code: number; refusal: string } => ({
    code,
    refusal: /\((\w+)\)\n$/.exec(stderr)?.[1] ?? stderr,
  });

  it('is told the one command, for how many hosts and until when', async () => {
    const { stdout } = await norn.norn('hosts', 'invite', '--hosts', '3');
    expect(stdout).toMatch(
      /Good for 3 hosts, until \d{4}-\d\d-\d\d \d\d:\d\d UTC:\n\n {2}echo norn1\.\S+ \| \.\/norn join -\n/,
    );
    expect(decodeInvitation(made.invitation)).toMatchObject({ ingest: `127.0.0.1:${portBase + 1}`, hosts: 1 });
  });

  it('refuses what is no whole invitation', async () => {
    expect(ended(await host.join(made.invitation.slice(0, -5)))).toEqual({
      code: 1,
      refusal: 'invitation_garbled',
    });
    expect(ended(await host.norn('join'))).toEqual({ code: 1, refusal: 'not_joined' });
    expect(ended(await host.norn('join', made.invitation))).toEqual({ code: 1, refusal: 'invitation_exposed' });
  });

  it('gives its token to nobody whose authority is another', async () => {
    const answer = await host.join(ofAnother());
    expect(ended(answer)).toEqual({ code: 1, refusal: 'authority_foreign' });
    expect(answer.stderr).toContain('Nothing was sent');
    expect([host.has('agent/identity.json'), host.has('secrets/join.token')]).toEqual([false, false]);
  });

  it('is a host of the installation, protected, when the command ends', async () => {
    const answer = await host.join(made.invitation);
    expect(answer).toMatchObject({ code: 0 });
    expect(answer.stdout).toMatch(new RegExp(`Joined in .* the installation at 127\\.0\\.0\\.1:${portBase + 1}`));
    hostId = /\((host-[0-9a-f]+)\)/.exec(answer.stdout)?.[1] ?? '';
    const hosts = await norn.json<ShownHost[]>('hosts');
    expect(hosts.map(({ id }) => id)).toEqual([hostId]);
    expect(answer.stdout).toMatch(/✓ .*process\.lifecycle/);
    expect(['protected', 'degraded']).toContain(hosts[0]?.state);
    expect(host.has('secrets/join.token')).toBe(false);
  });

  it('runs its agent and nothing else', async () => {
    const state = readFileSync(join(host.home, 'run/installation.json'), 'utf8');
    expect((JSON.parse(state) as { parts: { name: string }[] }).parts.map(({ name }) => name)).toEqual(['tyr']);
    expect(ended(await host.norn('up', '-d'))).toEqual({ code: 1, refusal: 'host_joined' });
    expect((await host.norn('alerts')).stderr).toMatch(/a host of the installation at 127\.0\.0\.1:\d+: ask there/);
  });

  it('stays the same host without an invitation, whether it runs or was stopped', async () => {
    const again = await host.norn('join');
    expect(again).toMatchObject({ code: 0 });
    expect(again.stdout).toMatch(new RegExp(`Already joined[\\s\\S]*${hostId}`));
    expect((await host.stop(norn)).stdout).toMatch(/Stopped/);
    const { stdout } = await host.norn('join');
    expect(stdout).toMatch(new RegExp(`Joined in[\\s\\S]*${hostId}[\\s\\S]*✓ `));
  });

  it('stops with its maintenance token alone', async () => {
    const needed = await host.norn('down');
    expect(ended(needed)).toEqual({ code: 1, refusal: 'maintenance_token_needed' });
    expect(needed.stderr).toMatch(/norn hosts token HOST on the installation at 127\.0\.0\.1:\d+/);
    const environment = { ...process.env, NORN_HOME: host.home };
    expect(ended(await callNorn(['down', '-'], environment, 'abcd-efgh-ijkm-npqr-stuv-wxyz'))).toEqual({
      code: 1,
      refusal: 'maintenance_token_wrong',
    });
    expect((await norn.json<ShownHost[]>('hosts'))[0]?.state).toMatch(/protected|degraded/);
  });

  it('is missed within half a minute when root ends all of its agent at once, and is there again when it is started', async () => {
    const endedAt = Date.now();
    // Tyr may have time for a word when its supervisor goes.
    const isMissed = ({ title, updatedAt }: ShownAlert): boolean => isGone(title) && Date.parse(updatedAt) > endedAt;
    for (const pid of host.pids()) process.kill(pid, 'SIGKILL');
    const alerts = await until(
      () => norn.json<ShownAlert[]>('alerts'),
      (all) => all.some(isMissed),
    );
    expect(alerts.filter(isMissed)).toMatchObject([
      {
        severity: 'high',
        hostId,
        summary: expect.stringMatching(/^(Nothing was heard from|The agent on .* was stopped) /),
      },
    ]);
    expect(await host.norn('join')).toMatchObject({ code: 0 });
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

  it('does not leave for another installation by itself', async () => {
    expect(ended(await host.join(ofAnother()))).toEqual({ code: 1, refusal: 'joined_elsewhere' });
  });

  it('is the only one by an invitation for one', async () => {
    const answer = await other.join(made.invitation);
    expect(ended(answer)).toEqual({ code: 1, refusal: 'invitation_used' });
    expect(answer.stderr).toMatch(/for one host, until .*norn hosts invite/);
    expect(other.has('agent/identity.json')).toBe(false);
    expect((await other.norn('down')).stdout).toMatch(/Nothing of .* runs/);
  });

  it('that was revoked is silent and no alert, and its machine joins again as another host only', async () => {
    const goneBefore = (await norn.json<ShownAlert[]>('alerts')).filter(({ title }) => isGone(title)).length;
    expect((await norn.norn('hosts', 'revoke', hostId)).stdout).toMatch(/is refused from now on/);
    const refused = (): boolean => /certificate_revoked/.test(readFileSync(join(host.home, 'logs/tyr.log'), 'utf8'));
    expect(await until(() => Promise.resolve(refused()), Boolean)).toBe(true);
    expect(await norn.json<ShownHost[]>('hosts')).toMatchObject([
      { id: hostId, state: 'silent', reason: expect.stringMatching(/^Its certificates were revoked/) },
    ]);
    await host.norn('down');
    const invited = await norn.json<ShownJoinToken>('hosts', 'invite');
    const { stdout } = await host.join(invited.invitation);
    const another = /\((host-[0-9a-f]+)\)/.exec(stdout)?.[1] ?? '';
    expect(another).not.toBe(hostId);
    const hosts = await norn.json<ShownHost[]>('hosts');
    expect(hosts.map(({ id }) => id).sort()).toEqual([hostId, another].sort());
    // It is silent by intent.
    const alerts = await norn.json<ShownAlert[]>('alerts');
    expect(alerts.filter(({ title }) => isGone(title))).toHaveLength(goneBefore);
    expect((await norn.norn('hosts', 'remove', hostId)).stdout).toMatch(/is forgotten/);
    expect((await norn.json<ShownHost[]>('hosts')).map(({ id }) => id)).toEqual([another]);
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

  it('that is there keeps its name and place, whoever says to be the same machine', async () => {
    const [before] = await norn.json<ShownHost[]>('hosts');
    const invited = await norn.json<ShownJoinToken>('hosts', 'invite');
    expect(await other.join(invited.invitation)).toMatchObject({ code: 0 });
    const hosts = await norn.json<ShownHost[]>('hosts');
    expect(hosts).toHaveLength(2);
    // It was started a moment ago, and may be on its way from the one to the other.
    expect(['protected', 'degraded']).toContain(hosts.find(({ id }) => id === before?.id)?.state);
  });

  it('is not one in the home of an installation', async () => {
    expect(ended(await callNorn(['join', '-'], { ...process.env, NORN_HOME: norn.home }, made.invitation))).toEqual({
      code: 1,
      refusal: 'installation_here',
    });
  });
});
