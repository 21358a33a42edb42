// The policy of a tenant on a real PostgreSQL: put in force, looked at, taken back, and nobody else's.
import type { ShownPolicy, ShownPolicyHistory } from '@norn/contracts';
import { AuditEntry, policiesInForce, policiesMark } from '@norn/store';
import { type ApiTrial, startApiTrial } from './api-trial.ts';
import { seedTenant } from './seeds/index.ts';

jest.setTimeout(120_000);

const yaml = (name: string, test = '/bin/a'): string => `# Ours
policy: ${name}
rules:
  - name: one
    when: { exec: { Image: /bin/a } }
    action: kill
    tests: { match: [{ Image: ${test} }] }
`;

describe('a policy', () => {
  let trial: ApiTrial;
  let admin: string;
  let viewer: string;
  let stranger: string;

  beforeAll(async () => {
    trial = await startApiTrial();
    await seedTenant(trial, 'default');
    await seedTenant(trial, 'other');
    [admin, viewer, stranger] = await Promise.all([
      trial.tokenOf('admin'),
      trial.tokenOf('viewer'),
      trial.tokenOf('admin', 'other'),
    ]);
  });

  afterAll(() => trial.close());

  type Answer = ShownPolicy & ShownPolicyHistory & { readonly code: string; readonly message: string };
  async function ask(
    token: string,
    path: string,
    change?: { method: string; body: object },
  ): Promise<{ status: number; body: Answer }> {
    const response = await fetch(`${trial.url}/api/v1/policy${path}`, {
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(change && { method: change.method, body: JSON.stringify(change.body) }),
    });
    return { status: response.status, body: (await response.json()) as Answer };
  }
  const put = (token: string, body: unknown) => ask(token, '', { method: 'PUT', body: { body } });
  const rollback = (token: string, number: number) => ask(token, '/rollback', { method: 'POST', body: { number } });
  const inForce = async (token: string): Promise<ShownPolicy> => (await ask(token, '')).body;

  it('is none at first', async () => {
    expect(await inForce(viewer)).toMatchObject({ number: 0, body: '', summary: expect.stringContaining('No policy') });
    expect((await ask(viewer, '/history')).body).toEqual({ versions: [] });
  });

  it('is put in force as it was written, version by version', async () => {
    const mark = await policiesMark(trial.control);
    const { status, body } = await put(admin, yaml('first'));
    expect(status).toBe(200);
    expect(body).toMatchObject({ number: 1, name: 'first', inForce: true, restores: 0, summary: '1 rules: 1 kill' });
    expect((await put(admin, yaml('second'))).body.number).toBe(2);
    expect((await put(admin, yaml('second'))).body.number).toBe(2);
    expect(await inForce(viewer)).toMatchObject({ number: 2, body: yaml('second'), appliedBy: 'admin' });
    expect((await ask(viewer, '/1')).body).toMatchObject({ body: yaml('first'), inForce: false });
    expect(await policiesMark(trial.control)).not.toBe(mark);
  });

  it('takes up an earlier text again as a new version', async () => {
    expect((await rollback(admin, 1)).body).toMatchObject({ number: 3, name: 'first', restores: 1, inForce: true });
    const { versions } = (await ask(viewer, '/history')).body;
    expect(
      versions.map(({ number, name, inForce, restores, body }) => [number, name, inForce, restores, body]),
    ).toEqual([
      [3, 'first', true, 1, ''],
      [2, 'second', false, 0, ''],
      [1, 'first', false, 0, ''],
    ]);
    expect(await rollback(admin, 9)).toMatchObject({ status: 404, body: { code: 'policy_unknown' } });
  });

  it('leaves a trace of each version', async () => {
    const trail = await trial.control.manager.find(AuditEntry, {
      where: { tenantId: 'default', subject: 'policy 3' },
    });
    expect(trail.map(({ actor, action, details }) => [actor, action, details])).toEqual([
      ['admin', 'policy.rolled_back', { number: 3, name: 'first', before: 2, restores: 1 }],
    ]);
    const applied = await trial.control.manager.countBy(AuditEntry, { tenantId: 'default', action: 'policy.applied' });
    expect(applied).toBe(2);
  });

  it('that does not compile, or fails its own tests, is refused and changes nothing', async () => {
    expect(await put(admin, yaml('third').replace('Image: /bin/a }', 'Imag: /bin/a }'))).toMatchObject({
      status: 400,
      body: { code: 'policy_invalid', message: expect.stringContaining('policy.yml:5: rules.0.when.exec.Imag') },
    });
    expect(await put(admin, yaml('third', '/bin/b'))).toMatchObject({
      status: 400,
      body: {
        code: 'policy_tests_wrong',
        message: expect.stringContaining('one leaves to no rule {"Image":"/bin/b"}'),
      },
    });
    expect(await put(admin, 'x'.repeat(262_145))).toMatchObject({ status: 400, body: { code: 'input_invalid' } });
    expect((await inForce(viewer)).number).toBe(3);
  });

  it('is put in force by those who may, for their own tenant', async () => {
    const responder = await trial.tokenOf('responder');
    for (const token of [viewer, responder]) {
      expect((await put(token, yaml('theirs'))).status).toBe(403);
      expect((await rollback(token, 1)).status).toBe(403);
    }
    expect((await inForce(stranger)).number).toBe(0);
    expect((await ask(stranger, '/1')).status).toBe(404);
    expect((await put(stranger, yaml('theirs'))).body.number).toBe(1);
    const known = await policiesInForce(trial.control);
    expect(known.map(({ tenantId, number, name }) => [tenantId, number, name])).toEqual([
      ['default', 3, 'first'],
      ['other', 1, 'theirs'],
    ]);
  });

  it('of two who apply at once is that of the later, and no number is given twice', async () => {
    const both = await Promise.all([put(admin, yaml('left')), put(admin, yaml('right'))]);
    expect(both.map(({ body }) => body.number).sort()).toEqual([4, 5]);
  });
});
