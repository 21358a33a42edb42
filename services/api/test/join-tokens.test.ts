// Invitations over the API on a real PostgreSQL: what they hold, for how many hosts, and what the audit trail says of them.
import { type ShownJoinToken, decodeInvitation } from '@norn/contracts';
import { AuditEntry, Host, HostGroup, redeemToken, resolvedGroups } from '@norn/store';
import { type ApiTrial, startApiTrial } from './api-trial.ts';
import { authorityFingerprint } from './authority.ts';
import { seedTenant } from './seeds/index.ts';

describe('an invitation', () => {
  let trial: ApiTrial;
  let admin: string;

  beforeAll(async () => {
    const settings = { NORN_AGENTS_AT: 'norn.example.com:9401', NORN_ENROL_PORT: '9408', NORN_INGEST_NAME: 'ingest' };
    trial = await startApiTrial({ settings });
    await seedTenant(trial, 'default');
    await seedTenant(trial, 'other');
    admin = await trial.tokenOf('admin');
  });

  afterAll(() => trial.close());

  async function invite(token: string, body?: object) {
    const response = await fetch(`${trial.url}/api/v1/join-tokens`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as ShownJoinToken & { readonly code?: string } };
  }
  const lettingIn = (token: string) => redeemToken(trial.control.manager, 'join', token);

  it('says where ingest is, by what it is known, and what to run', async () => {
    const { status, body } = await invite(admin, { hosts: 2 });
    expect(status).toBe(201);
    expect(decodeInvitation(body.invitation)).toEqual({
      ingest: 'norn.example.com:9401',
      enrol: 'norn.example.com:9408',
      name: 'ingest',
      authority: authorityFingerprint,
      token: body.token,
      hosts: 2,
      expiresAt: body.expiresAt,
    });
    expect(body).toMatchObject({ command: `echo ${body.invitation} | ./norn join -`, hosts: 2, caution: '' });
    const inADay = Date.now() + 24 * 3_600_000;
    expect(Math.abs(Date.parse(body.expiresAt) - inADay)).toBeLessThan(60_000);
  });

  it('lets in as many hosts as were said, one unless said, of its own tenant', async () => {
    const two = await invite(await trial.tokenOf('admin', 'other'), { hosts: 2 });
    const one = await invite(admin);
    expect((await lettingIn(two.body.token))?.tenantId).toBe('other');
    expect(await lettingIn(two.body.token)).not.toBeNull();
    expect(await lettingIn(two.body.token)).toBeNull();
    expect((await lettingIn(one.body.token))?.tenantId).toBe('default');
    expect(await lettingIn(one.body.token)).toBeNull();
  });

  it('is for a reasonable number of hosts, and says nothing of a tenant', async () => {
    for (const body of [{ hosts: 0 }, { hosts: 1.5 }, { hosts: 10_001 }, { hosts: '1' }, { tenantId: 'other' }])
      expect(await invite(admin, body)).toMatchObject({ status: 400, body: { code: 'input_invalid' } });
  });

  it('puts who joins by it into a group that there is', async () => {
    const { manager } = trial.control;
    await manager.insert(HostGroup, {
      tenantId: 'default',
      name: 'web',
      members: [],
      changedBy: 'ada',
      changedAt: new Date(),
    });
    expect(await invite(admin, { group: 'db' })).toMatchObject({ status: 404, body: { code: 'host_group_unknown' } });
    const { body } = await invite(admin, { group: 'web' });
    expect(body.group).toBe('web');
    expect((await lettingIn(body.token))?.hostGroup).toBe('web');
    await manager.insert(Host, { id: 'host-1', tenantId: 'default', name: 'a', machineId: 'a', joinedGroup: 'web' });
    expect(await resolvedGroups(manager, 'default')).toEqual([{ name: 'web', hostIds: ['host-1'] }]);
    // Of a tenant that has no such group.
    const other = await trial.tokenOf('admin', 'other');
    expect((await invite(other, { group: 'web' })).status).toBe(404);
  });

  it('is made by administrators alone, and kept in the audit trail without its secret', async () => {
    expect((await invite(await trial.tokenOf('responder'))).status).toBe(403);
    const { body } = await invite(admin, { hosts: 7 });
    const trail = await trial.control.manager.findBy(AuditEntry, { action: 'join-token.created' });
    const entry = trail.find(({ details }) => (details as { hosts: number }).hosts === 7);
    expect(entry).toMatchObject({ tenantId: 'default', actor: 'admin', details: { expiresAt: body.expiresAt } });
    expect(JSON.stringify(trail)).not.toContain(body.token);
  });
});

describe('an invitation of an installation that listens on loopback', () => {
  it('says why other machines can not use it', async () => {
    const trial = await startApiTrial();
    await seedTenant(trial, 'default');
    const headers = { authorization: `Bearer ${await trial.tokenOf('admin')}` };
    const answer = await fetch(`${trial.url}/api/v1/join-tokens`, { method: 'POST', headers });
    const { invitation, caution } = (await answer.json()) as ShownJoinToken;
    expect(caution).toMatch(/its own machine alone \(127\.0\.0\.1:7401\).*NORN_AGENT_HOST=0\.0\.0\.0/);
    expect(decodeInvitation(invitation)).toMatchObject({ enrol: '127.0.0.1:7408', name: 'localhost' });
    await trial.close();
  });
});
