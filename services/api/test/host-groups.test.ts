// Groups of hosts over the API on a real PostgreSQL: who may change them, what they are about, and that hosts hear of it.
import type { ShownHostGroupList } from '@norn/contracts';
import { AuditEntry, HostPolicyRecord } from '@norn/store';
import { type ApiTrial, startApiTrial } from './api-trial.ts';
import { seedHost, seedTenant } from './seeds/index.ts';

describe('groups of hosts', () => {
  let trial: ApiTrial;
  let admin: string;

  beforeAll(async () => {
    trial = await startApiTrial();
    await seedTenant(trial, 'default');
    await seedTenant(trial, 'other');
    await seedHost(trial, 'default', { name: 'web-1' });
    await seedHost(trial, 'other', { name: 'web-2' });
    admin = await trial.tokenOf('admin');
  });

  afterAll(() => trial.close());

  async function ask(token: string, path: string, method = 'GET', body?: object) {
    const response = await fetch(`${trial.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as ShownHostGroupList & { readonly code: string } };
  }
  const epoch = async (): Promise<string | undefined> =>
    (await trial.control.manager.findOneBy(HostPolicyRecord, { tenantId: 'default' }))?.epoch;

  it('are put, listed with their hosts of now, and removed; the hosts hold the policy anew each time', async () => {
    const body =
      'policy: p\nrules: [{ name: a, when: { exec: { Image: /a } }, subjects: { hostGroup: web }, action: deny }]';
    await ask(admin, '/policy', 'PUT', { body });
    const before = Number(await epoch());
    const put = await ask(admin, '/host-groups/web', 'PUT', { members: ['web-*'] });
    expect(put.body.groups).toMatchObject([{ name: 'web', members: ['web-*'], hosts: ['web-1'], changedBy: 'admin' }]);
    expect(Number(await epoch())).toBe(before + 1);
    expect((await ask(await trial.tokenOf('admin', 'other'), '/host-groups')).body.groups).toEqual([]);
    expect((await ask(admin, '/host-groups/web', 'DELETE')).body.groups).toEqual([]);
    expect(await ask(admin, '/host-groups/web', 'DELETE')).toMatchObject({
      status: 404,
      body: { code: 'host_group_unknown' },
    });
    const trail = await trial.control.manager.find(AuditEntry, { where: { subject: 'web' }, order: { at: 'ASC' } });
    expect(trail.map(({ action }) => action)).toEqual(['host_group.put', 'host_group.removed']);
  });

  it('are for admins to change, and of bounded words', async () => {
    for (const role of ['viewer', 'analyst', 'responder'] as const) {
      const token = await trial.tokenOf(role);
      expect((await ask(token, '/host-groups/web', 'PUT', { members: ['a'] })).status).toBe(403);
      expect((await ask(token, '/host-groups/web', 'DELETE')).status).toBe(403);
      expect((await ask(token, '/host-groups')).status).toBe(200);
    }
    for (const [path, body] of [
      ['/host-groups/Web!', { members: ['a'] }],
      ['/host-groups/web', { members: ['a b'] }],
      ['/host-groups/web', { members: Array.from({ length: 1_001 }, () => 'a') }],
    ] as const)
      expect(await ask(admin, path, 'PUT', body)).toMatchObject({ status: 400, body: { code: 'input_invalid' } });
  });
});
