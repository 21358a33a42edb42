// Who may talk to the installation, over the API on a real PostgreSQL: taken from a host by administrators, and told in the trail.
import type { ShownHost } from '@norn/contracts';
import { AuditEntry, Host, maintenanceTokenOf } from '@norn/store';
import { type ApiTrial, startApiTrial } from './api-trial.ts';
import { seedHost, seedTenant } from './seeds/index.ts';

describe('a host', () => {
  let trial: ApiTrial;
  let admin: string;
  let web: string;
  let foreign: string;

  beforeAll(async () => {
    trial = await startApiTrial();
    await seedTenant(trial, 'default');
    await seedTenant(trial, 'other');
    web = (await seedHost(trial, 'default', { name: 'web-1' })).hostId;
    foreign = (await seedHost(trial, 'other', { name: 'web-1' })).hostId;
    admin = await trial.tokenOf('admin');
  });

  afterAll(() => trial.close());

  async function ask(token: string, path: string, method: string, body?: object) {
    const response = await fetch(`${trial.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as { readonly hosts: ShownHost[]; readonly code: string };
    return { status: response.status, ...answer };
  }

  it('is not for others than administrators of its tenant to revoke or remove', async () => {
    for (const role of ['viewer', 'analyst', 'responder'] as const) {
      const token = await trial.tokenOf(role);
      expect((await ask(token, `/hosts/${web}/revoke`, 'POST')).status).toBe(403);
      expect((await ask(token, `/hosts/${web}`, 'DELETE')).status).toBe(403);
    }
    expect(await ask(admin, `/hosts/${foreign}/revoke`, 'POST')).toMatchObject({ status: 404, code: 'host_unknown' });
    expect(await ask(admin, `/hosts/${foreign}`, 'DELETE')).toMatchObject({ status: 404, code: 'host_unknown' });
    expect(await trial.control.manager.countBy(Host, { id: foreign })).toBe(1);
  });

  it('in maintenance says until when, until that is ended; both are for administrators', async () => {
    const maintenance = `/hosts/${web}/maintenance`;
    expect((await ask(await trial.tokenOf('responder'), maintenance, 'POST', { minutes: 5 })).status).toBe(403);
    expect(await ask(admin, maintenance, 'POST', { minutes: 0 })).toMatchObject({ status: 400 });
    expect(await ask(admin, `/hosts/${foreign}/maintenance`, 'POST', { minutes: 5 })).toMatchObject({ status: 404 });
    const { hosts } = await ask(admin, maintenance, 'POST', { minutes: 90 });
    const [host] = hosts;
    expect(Math.abs(Date.parse(host?.maintenanceUntil ?? '') - Date.now() - 5_400_000)).toBeLessThan(60_000);
    expect(host?.reason).toMatch(/^In maintenance until \d{4}-\d\d-\d\d \d\d:\d\d UTC/);
    expect((await ask(admin, maintenance, 'DELETE')).hosts).toMatchObject([{ id: web, maintenanceUntil: '' }]);
  });

  it('shows its maintenance token to administrators of its tenant, when it asks for one, and that is in the trail', async () => {
    const path = `/hosts/${web}/maintenance-token`;
    expect((await ask(await trial.tokenOf('responder'), path, 'POST')).status).toBe(403);
    expect(await ask(admin, `/hosts/${foreign}/maintenance-token`, 'POST')).toMatchObject({ status: 404 });
    expect(await ask(admin, path, 'POST')).toMatchObject({ status: 409, code: 'maintenance_token_unset' });
    const token = await maintenanceTokenOf(trial.control, 'default', web);
    expect(await ask(admin, path, 'POST')).toMatchObject({ status: 200, token });
    const shown = await trial.control.manager.findBy(AuditEntry, { action: 'host.maintenance_token_shown' });
    expect(shown).toMatchObject([{ actor: 'admin', subject: web, details: { hostname: 'web-1' } }]);
  });

  it('that is revoked is silent, and says since when and what helps', async () => {
    const { hosts } = await ask(admin, `/hosts/${web}/revoke`, 'POST');
    expect(hosts).toMatchObject([
      { id: web, state: 'silent', reason: expect.stringMatching(/^Its certificates were revoked at /) },
    ]);
    const { revokedBefore } = await trial.control.manager.findOneByOrFail(Host, { id: web });
    expect(Math.abs(Date.now() - (revokedBefore?.getTime() ?? 0))).toBeLessThan(60_000);
  });

  it('that is removed is forgotten; both are in the trail, with who did it', async () => {
    expect((await ask(admin, `/hosts/${web}`, 'DELETE')).hosts).toEqual([]);
    expect(await ask(admin, `/hosts/${web}`, 'DELETE')).toMatchObject({ status: 404, code: 'host_unknown' });
    const trail = await trial.control.manager.find(AuditEntry, { where: { subject: web }, order: { at: 'ASC' } });
    expect(trail.map(({ action, actor }) => `${actor} ${action}`)).toEqual([
      'admin host.maintenance_begun',
      'admin host.maintenance_ended',
      'admin host.maintenance_token_shown',
      'admin host.revoked',
      'admin host.removed',
    ]);
  });
});
