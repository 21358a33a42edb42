// The policy of a tenant on a real PostgreSQL: put in force, looked at, taken back, and nobody else's.
import { create } from '@bufbuild/protobuf';
import {
  finding,
  type ShownHost,
  type ShownPolicy,
  type ShownPolicyHistory,
  type ShownPolicyTrial,
} from '@norn/contracts';
import { AuditEntry, Host, HostPolicyRecord, policiesInForce, policiesMark } from '@norn/store';
import { type ApiTrial, startApiTrial } from './api-trial.ts';
import { seedHost, seedTenant } from './seeds/index.ts';
import { storeFindings } from './store-attack.ts';

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

  it('shows its rules: what each asks, where it is enforced, how often it fired', async () => {
    const text = `policy: shop
rules:
  - name: tools
    when: { exec: { Image|endswith: [/nc, /ncat], Container|exists: true }, not: { ParentImage: /bin/make } }
    subjects: { hostGroup: 'web-*', user: [0] }
    action: deny
    level: high
  - name: shells
    when: { exec: { CommandLine|contains: evil } }
    action: deny
    otherwise: suspend
    observeUntil: '2126-01-01'
  - { name: quiet, when: { file: { TargetFilename: /a }, operations: [delete] }, action: observe }
`;
    const home = await seedHost(trial, 'default', { name: 'node-1' });
    const fired = (id: string, source: finding.FindingSource, ruleId = 'policy.shop.tools') =>
      create(finding.FindingSchema, {
        ...home,
        id,
        ruleId,
        source,
        timeUs: BigInt(Date.now()) * 1000n,
        processUid: new Uint8Array(16),
        scopeUid: new Uint8Array(16),
        lineageUid: new Uint8Array(16),
      });
    const { REFLEX, RULE } = finding.FindingSource;
    await storeFindings(trial, [fired('a', REFLEX), fired('b', RULE), fired('c', RULE, 'policy.shopping.tools')], '');
    await put(admin, text);
    const { rules } = await inForce(viewer);
    expect(rules).toMatchObject([
      {
        name: 'tools',
        asks: 'exec: Image|endswith /nc or /ncat and Container|exists true, but not ParentImage /bin/make',
        subjects: 'hosts web-* · users 0',
        action: 'deny',
        otherwise: 'kill',
        denied: 'all',
        fired: 2,
        deniedCount: 1,
      },
      {
        name: 'shells',
        otherwise: 'suspend',
        observesNow: true,
        denied: 'none',
        why: expect.stringContaining('CommandLine'),
        fired: 0,
      },
      { name: 'quiet', asks: 'file (delete): TargetFilename /a', denied: '' },
    ]);
  });

  it('is tried before it is in force: its tests, and what its rules find in the last day', async () => {
    const analyst = await trial.tokenOf('analyst');
    const wrong = yaml('tried', '/bin/b');
    const { status, body } = await ask(analyst, '/test', { method: 'POST', body: { body: wrong } });
    expect(status).toBe(200);
    expect(body as unknown as ShownPolicyTrial).toMatchObject({
      policy: { name: 'tried', rules: [{ name: 'one', fired: -1 }] },
      testsRight: 0,
      testsTotal: 1,
      wrong: ['one leaves to no rule {"Image":"/bin/b"}'],
      dryRun: [{ rule: 'one', action: 'kill', events: 0 }],
      unsearched: [],
    });
    const refused = await ask(analyst, '/test', { method: 'POST', body: { body: 'policy: [' } });
    expect(refused).toMatchObject({ status: 400, body: { code: 'policy_invalid' } });
    expect((await ask(viewer, '/test', { method: 'POST', body: { body: wrong } })).status).toBe(403);
  });

  it('reaches the hosts of its tenant: what each made of it stands with the host', async () => {
    const home = await seedHost(trial, 'default', { name: 'web-7' });
    const policyOf = async (): Promise<ShownHost['policy']> => {
      const response = await fetch(`${trial.url}/api/v1/hosts/${home.hostId}`, {
        headers: { authorization: `Bearer ${viewer}` },
      });
      return ((await response.json()) as ShownHost).policy;
    };
    const says = async (told: object | undefined): Promise<void> => {
      const { facts } = await trial.control.manager.findOneByOrFail(Host, { id: home.hostId });
      await trial.control.manager.update(Host, { id: home.hostId }, { facts: { ...facts, policy: told } });
    };
    const newest = await trial.control.manager.findOneByOrFail(HostPolicyRecord, { tenantId: 'default' });
    const about = { policy: 'shop', version: newest.number, epoch: newest.epoch };
    expect(await policyOf()).toMatchObject({ state: 'sent' });
    await says({
      ...about,
      state: 'POLICY_STATE_APPLIED',
      code: 'ok',
      denied: '4',
      unenforced: ['shop.tools: no cgroup v2'],
    });
    expect(await policyOf()).toMatchObject({
      state: 'applied',
      number: newest.number,
      denied: 4,
      summary: expect.stringContaining('one of its rules'),
    });
    await says({ ...about, state: 'POLICY_STATE_APPLIED', code: 'ok', version: 1, epoch: '1' });
    expect(await policyOf()).toMatchObject({
      state: 'older',
      summary: expect.stringContaining('Version 1 is in effect'),
    });
    await says({ ...about, state: 'POLICY_STATE_REFUSED', code: 'bad_signature' });
    expect(await policyOf()).toMatchObject({
      state: 'refused',
      code: 'bad_signature',
      summary: expect.stringContaining('enrol the host again'),
    });
  });

  it('of two who apply at once is that of the later, and no number is given twice', async () => {
    const both = await Promise.all([put(admin, yaml('left')), put(admin, yaml('right'))]);
    const [first = 0, second = 0] = both.map(({ body }) => body.number).sort((a, b) => a - b);
    expect(second).toBe(first + 1);
  });
});
