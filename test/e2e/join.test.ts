// Another host joins a running installation: by one command, once per invited host, and only the installation that invited it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type ShownAlert,
  type ShownHost,
  type ShownJoinToken,
  decodeInvitation,
  encodeInvitation,
} from '@norn/contracts';
import { type Installation, callNorn, startInstallation } from './installation.ts';
import { ended, isGone, newHome, until } from './joined-home.ts';

const portBase = 7760;

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
