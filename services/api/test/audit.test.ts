// The audit trail over the API on a real PostgreSQL: for administrators, of their tenant, and broken when it is.
import type { ShownAuditVerification } from '@norn/contracts';
import { audit, sealAudit } from '@norn/store';
import { type ApiTrial, startApiTrial } from './api-trial.ts';
import { seedTenant } from './seeds/index.ts';

describe('the audit trail', () => {
  let trial: ApiTrial;

  beforeAll(async () => {
    trial = await startApiTrial();
    for (const tenant of ['default', 'other']) await seedTenant(trial, tenant);
  });
  afterAll(() => trial.close());

  async function verified(token: string): Promise<{ status: number; body: ShownAuditVerification }> {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(`${trial.url}/api/v1/audit/verification`, { headers });
    return { status: response.status, body: (await response.json()) as ShownAuditVerification };
  }

  it('is verified by administrators, each of his own tenant, and says when it is broken', async () => {
    for (let i = 0; i < 3; i++) {
      const fact = { tenantId: 'other', actor: 'ada', action: 'login', subject: String(i) };
      await audit(trial.control.manager, fact);
    }
    await sealAudit(trial.control);
    const admin = await trial.tokenOf('admin', 'other');
    expect((await verified(await trial.tokenOf('responder', 'other'))).status).toBe(403);
    expect((await verified(admin)).body).toMatchObject({ sealed: 3, brokenNumber: 0, brokenReason: '' });
    expect((await verified(await trial.tokenOf('admin'))).body).toMatchObject({ sealed: 0, brokenReason: '' });
    await trial.control.query('ALTER TABLE audit_entries DISABLE TRIGGER USER');
    await trial.control.query(`UPDATE audit_entries SET actor = 'eve' WHERE tenant_id = 'other' AND subject = '1'`);
    expect((await verified(admin)).body).toMatchObject({ sealed: 1, brokenNumber: 2 });
  });
});
