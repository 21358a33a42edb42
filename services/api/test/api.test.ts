// The API on a real PostgreSQL and a real ClickHouse: who gets in, who sees what, what it refuses and how it describes itself.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { view } from '@norn/contracts';
import { AuditEntry, CommandRecord, Host } from '@norn/store';
import { type List, type OpenApi, type SeededApi, type Shown, startSeededApi } from './seeded-api.ts';
import { webContainer } from './seeds/index.ts';

describe('the API', () => {
  let trial: SeededApi['trial'];
  let ask: SeededApi['ask'];
  let post: SeededApi['post'];
  let nobody: SeededApi['nobody'];
  let tokens: SeededApi['tokens'];
  let foreign: SeededApi['foreign'];
  let ransomware: string;
  let reverseShell: string;
  let wiper: string;
  beforeAll(async () => {
    ({
      trial,
      ask,
      post,
      nobody,
      tokens,
      foreign,
      alerts: { ransomware, reverseShell, wiper },
    } = await startSeededApi());
  });
  afterAll(() => trial.close());

  const login = (token: string, headers: Record<string, string> = {}): Promise<Response> =>
    nobody('/api/v1/login', {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: trial.url, ...headers },
      body: JSON.stringify({ token }),
    });

  async function signIn(): Promise<string> {
    const response = await login(await trial.loginToken('responder'));
    return (response.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
  }

  describe('lets in', () => {
    it('nobody without a session or a token', async () => {
      for (const path of [
        '/api/v1/status',
        '/api/v1/alerts',
        `/api/v1/alerts/${ransomware}`,
        '/api/v1/stream',
        '/api/v1/session',
      ]) {
        const response = await nobody(path);
        expect([path, response.status]).toEqual([path, 401]);
        expect(((await response.json()) as { code: string }).code).toBe('unauthenticated');
      }
    });

    it('nobody with a token that it does not know', async () => {
      expect((await ask('/api/v1/status', { token: 'x'.repeat(43) })).status).toBe(401);
    });

    it('whoever posts the token of a one-time link, once', async () => {
      const token = await trial.loginToken();
      const first = await login(token);
      const cookie = first.headers.get('set-cookie') ?? '';
      expect([first.status, cookie]).toEqual([
        204,
        expect.stringMatching(/^norn_session=.+; Max-Age=43200; Path=\/;.*HttpOnly; SameSite=Strict$/),
      ]);
      const session = await nobody('/api/v1/session', { headers: { cookie: cookie.split(';')[0] ?? '' } });
      expect(await session.json()).toMatchObject({ userName: 'admin', role: 'admin', tenantId: 'default' });
      const second = await login(token);
      expect([second.status, ((await second.json()) as { code: string }).code]).toEqual([401, 'login_link_used']);
      expect(second.headers.get('set-cookie')).toBeNull();
    });

    it('nobody by a link that is none any more, or was none, and the trail has both', async () => {
      const used = await trial.loginToken();
      await login(used);
      for (const token of [used, 'y'.repeat(43), 'z'.repeat(43)]) expect((await login(token)).status).toBe(401);
      const refused = await trial.control.manager.findBy(AuditEntry, { action: 'login.refused' });
      const told = (tenantId: string): object[] => refused.filter((entry) => entry.tenantId === tenantId);
      expect(told('default')).toContainEqual(
        expect.objectContaining({ details: expect.objectContaining({ reason: 'used' }) }),
      );
      // However many are tried.
      expect(told('')).toMatchObject([{ actor: 'nobody', details: { reason: 'unknown' } }]);
    });

    it('nobody to what the role does not reach, and the trail has it once', async () => {
      const token = await trial.tokenOf('viewer');
      for (let i = 0; i < 3; i++) expect((await post(`/api/v1/alerts/${wiper}/kill`, token)).status).toBe(403);
      const subject = `POST /api/v1/alerts/${wiper}/kill`;
      expect(await trial.control.manager.findBy(AuditEntry, { subject })).toMatchObject([
        {
          tenantId: 'default',
          actor: 'viewer-person',
          action: 'request.refused',
          details: { needs: 'responder', role: 'viewer' },
        },
      ]);
    });

    it('nobody who only looks at a link, or posts it from another site, and leaves it unused', async () => {
      const token = await trial.loginToken();
      for (const method of ['HEAD', 'GET'])
        for (const path of [`/login?token=${token}`, `/api/v1/login?token=${token}`])
          expect((await nobody(path, { method })).headers.get('set-cookie')).toBeNull();
      const foreign = await login(token, { origin: 'https://evil.example' });
      expect([foreign.status, ((await foreign.json()) as { code: string }).code]).toEqual([403, 'origin_foreign']);
      expect((await login(token)).status).toBe(204);
    });

    it('exactly one of many who post the same link at once', async () => {
      const token = await trial.loginToken();
      const all = await Promise.all(Array.from({ length: 8 }, () => login(token)));
      expect(all.filter(({ status }) => status === 204)).toHaveLength(1);
    });

    it('no session secret as a bearer token, and no login link as either', async () => {
      const cookie = await signIn();
      expect((await ask('/api/v1/status', { token: cookie.split('=')[1] })).status).toBe(401);
      expect((await ask('/api/v1/status', { token: await trial.loginToken() })).status).toBe(401);
    });

    it('nobody any more after signing out, and leaves a trace of both', async () => {
      const cookie = await signIn();
      const headers = { cookie, origin: trial.url };
      expect((await nobody('/api/v1/logout', { method: 'POST', headers })).status).toBe(204);
      expect((await nobody('/api/v1/session', { headers: { cookie } })).status).toBe(401);
      const trail = await trial.control.manager.findBy(AuditEntry, { tenantId: 'default', actor: 'responder-person' });
      expect(trail.map((entry) => entry.action)).toEqual(expect.arrayContaining(['login', 'logout']));
    });

    it('no page of another site to act with a session', async () => {
      const cookie = await signIn();
      const response = await nobody(`/api/v1/alerts/${wiper}/archive`, {
        method: 'POST',
        headers: { cookie, origin: 'https://evil.example' },
      });
      expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([403, 'origin_foreign']);
    });
  });

  describe('keeps tenants apart', () => {
    it('in lists and totals', async () => {
      const { body } = await ask<List>('/api/v1/alerts');
      expect(body.alerts.map((alert) => alert.id)).toEqual([reverseShell, ransomware, wiper]);
      const other = await trial.tokenOf('viewer', 'other');
      expect((await ask<List>('/api/v1/alerts', { token: other })).body.alerts).toHaveLength(1);
      expect((await ask<Shown<view.StatusView>>('/api/v1/status', { token: other })).body).toMatchObject({
        alertsTotal: 1,
        hosts: { protected: 1 },
      });
      expect((await ask<Shown<view.CommandList>>('/api/v1/commands', { token: other })).body.commands).toHaveLength(1);
      expect(
        (await ask<Shown<view.HostList>>('/api/v1/hosts', { token: other })).body.hosts.map((host) => host.name),
      ).toEqual(['node-9']);
    });

    it("by answering 404 for another tenant's alert, to readers and to those who act", async () => {
      expect((await ask(`/api/v1/alerts/${foreign}`)).body.code).toBe('alert_unknown');
      for (const deed of [
        'kill',
        'kill-container',
        'isolate',
        'rejoin',
        'isolate-host',
        'rejoin-host',
        'restore',
        'restore-blamed',
        'restore-container',
        'restore-container-cold',
        'restore-conflicts',
        'undo',
        'release',
        'archive',
      ]) {
        expect([deed, (await post(`/api/v1/alerts/${foreign}/${deed}`, tokens.admin)).status]).toEqual([deed, 404]);
      }
      const untouched = await trial.control.manager.countBy(CommandRecord, { alertId: foreign });
      expect(untouched).toBe(1);
    });

    it("by answering 404 for another tenant's host", async () => {
      const { id } = await trial.control.manager.findOneByOrFail(Host, { tenantId: 'other' });
      expect((await ask(`/api/v1/hosts/${id}`)).body.code).toBe('host_unknown');
    });
  });

  describe('lists findings', () => {
    type Findings = Shown<view.FindingList>;
    const since = '2020-01-01T00:00:00Z';

    it('with the pids above each, its container and its alert', async () => {
      const { body } = await ask<Findings>(`/api/v1/findings?since=${since}&rule=reflex.ransomware`);
      expect(body.findings).toHaveLength(1);
      expect(body.findings[0]).toMatchObject({
        alertId: ransomware,
        containerId: webContainer.id,
        pid: 4121,
        finding: { ruleId: 'reflex.ransomware', severity: 'critical', techniques: ['T1486'] },
      });
      expect(body.findings[0]?.ancestorPids.slice(-4)).toEqual([4011, 4002, 820, 1]);
    });

    it('of one tenant, newest first, and says when there are more', async () => {
      const { body } = await ask<Findings>(`/api/v1/findings?since=${since}`);
      const times = body.findings.map((one) => one.finding.time);
      expect(times).toEqual([...times].sort().reverse());
      expect(body.findings.map(({ alertId }) => alertId)).not.toContain(foreign);
      expect(body.truncated).toBe(false);
      const first = (await ask<Findings>(`/api/v1/findings?since=${since}&limit=1`)).body;
      expect([first.findings, first.truncated]).toEqual([[body.findings[0]], true]);
    });

    it('since the moment that is given', async () => {
      const later = new Date(Date.now() + 60_000).toISOString();
      expect((await ask<Findings>(`/api/v1/findings?since=${later}`)).body.findings).toEqual([]);
    });
  });

  describe('refuses', () => {
    it.each([
      '/api/v1/alerts/../../etc/passwd',
      '/api/v1/alerts/abc',
      '/api/v1/alerts?limit=100000',
      "/api/v1/alerts?technique=T1' OR 1=1",
      '/api/v1/alerts?severity=awful',
      '/api/v1/findings',
      '/api/v1/findings?since=yesterday',
      '/api/v1/hosts/a%2Fb',
    ])('%s', async (path) => {
      const { status, body } = await ask(path);
      expect([400, 404]).toContain(status);
      expect(body).toEqual({ code: expect.any(String), message: expect.any(String) });
    });

    it('a body that is too large', async () => {
      const { status, body } = await ask(`/api/v1/alerts/${ransomware}/restore`, {
        method: 'POST',
        token: tokens.responder,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ pad: 'x'.repeat(100_000) }),
      });
      expect([status, body.code]).toEqual([413, 'body_too_large']);
    });

    it('to be framed, sniffed or scripted from elsewhere', async () => {
      const { headers } = await ask('/api/v1/status');
      expect(headers.get('content-security-policy')).toMatch(/default-src 'self'.*frame-ancestors 'none'/);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('x-powered-by')).toBeNull();
    });
  });

  it('says how it is', async () => {
    const response = await nobody('/healthz');
    expect([response.status, await response.json()]).toEqual([200, { healthy: true, details: { controlPlane: true } }]);
  });

  it('describes every route that it answers, with the messages it answers with', async () => {
    const { body } = await ask<OpenApi>('/api/v1/openapi.json', { token: '' });
    const described = Object.entries(body.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect(described.sort()).toEqual(trial.routes().sort());
    expect(body.components.schemas.AlertView?.properties.containerId).toEqual({ type: 'string' });
    expect(body.components.schemas.AlertView?.properties.files).toEqual({ $ref: '#/components/schemas/FileCounts' });
    expect(described.length).toBeGreaterThan(15);
  });

  it('describes the body of every route that takes one', async () => {
    const { body } = await ask<OpenApi>('/api/v1/openapi.json', { token: '' });
    const taking = Object.entries(body.paths).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, { requestBody }]) => {
        const properties = requestBody?.content['application/json']?.schema.properties ?? {};
        return requestBody === undefined ? [] : [[`${method} ${path}`, Object.keys(properties).length > 0]];
      }),
    );
    const routes = [
      ...['post /api/v1/login', 'post /api/v1/join-tokens', 'post /api/v1/hosts/{id}/maintenance'],
      ...['put /api/v1/host-groups/{name}', 'post /api/v1/hunts', 'post /api/v1/hunts/steps'],
      ...['put /api/v1/policy', 'post /api/v1/policy/test', 'post /api/v1/policy/rollback'],
      ...['post /api/v1/exceptions', 'post /api/v1/exceptions/preview'],
      ...['post /api/v1/rules/import', 'post /api/v1/rules/{id}/state'],
    ];
    expect(Object.fromEntries(taking)).toEqual(Object.fromEntries(routes.map((route) => [route, true])));
  });

  it('lets nobody try one-time links without end', async () => {
    const tries = await Promise.all(Array.from({ length: 70 }, (_, index) => login(`${'x'.repeat(40)}${index}`)));
    expect(tries.map(({ status }) => status)).toContain(429);
    expect(tries.filter(({ ok }) => ok)).toEqual([]);
    expect((await login('x'.repeat(40))).status).toBe(429);
    // Who has a right one is not locked out by who shares the address.
    expect((await login(await trial.loginToken())).status).toBe(204);
    // What one user of this machine has used up is another's still.
    if (process.getuid?.() !== 0) return;
    const body = JSON.stringify({ token: 'x'.repeat(40) });
    const headers = { 'content-type': 'application/json', origin: trial.url };
    const asked = { method: 'POST', headers, body };
    const script = `fetch(${JSON.stringify(`${trial.url}/api/v1/login`)}, ${JSON.stringify(asked)}).then(({ status }) => console.log(status))`;
    const other = ['--reuid', '65534', '--regid', '65534', '--clear-groups', process.execPath, '-e', script];
    const { stdout } = await promisify(execFile)('setpriv', other, { cwd: '/' });
    const answers = new Set(tries.map(({ status }) => String(status)).filter((status) => status !== '429'));
    expect(answers).toContain(stdout.trim());
  });
});
