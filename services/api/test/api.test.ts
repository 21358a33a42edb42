// The API on a real PostgreSQL and a real ClickHouse: who gets in, who sees what, what comes of an action, what is told live.
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { fromBinary } from '@bufbuild/protobuf';
import { action, finding, view } from '@norn/contracts';
import { AuditEntry, CommandRecord, Host } from '@norn/store';
import { type ApiTrial, startApiTrial } from './api-trial.ts';
import {
  seedConflicts,
  seedForkTree,
  seedHost,
  seedRansomware,
  seedReverseShell,
  seedTenant,
  seedWiper,
  webContainer,
} from './seeds/index.ts';

/** A message of view/v1 as its JSON is: every field present. */
type Shown<T> = T extends readonly (infer Item)[]
  ? Shown<Item>[]
  : T extends object
    ? { [Key in Exclude<keyof T, '$typeName' | '$unknown'>]-?: Shown<NonNullable<T[Key]>> }
    : T;
type Detail = Shown<view.AlertDetail>;
type List = Shown<view.AlertList>;
type Problem = Shown<view.ErrorView>;

interface OpenApi {
  paths: Record<string, Record<string, object>>;
  components: { schemas: Record<string, { properties: Record<string, object> }> };
}

interface Answer<Body> {
  status: number;
  body: Body;
  headers: Headers;
}

describe('the API', () => {
  let trial: ApiTrial;
  let ransomware: string;
  let reverseShell: string;
  let wiper: string;
  let foreign: string;
  let tokens: Record<'viewer' | 'analyst' | 'responder' | 'admin', string>;

  async function ask<Body = Problem>(
    path: string,
    init: Omit<RequestInit, 'headers'> & { token?: string | undefined; headers?: Record<string, string> } = {},
  ): Promise<Answer<Body>> {
    const { token = tokens.viewer, ...rest } = init;
    const response = await fetch(`${trial.url}${path}`, {
      redirect: 'manual',
      ...rest,
      headers: { authorization: `Bearer ${token}`, ...rest.headers },
    });
    const text = await response.text();
    const json = response.headers.get('content-type')?.includes('json') === true;
    return { status: response.status, body: (json ? JSON.parse(text) : text) as Body, headers: response.headers };
  }
  /** An alert once what its processes did is put together: what a person waits for. */
  async function whole(id: string, token = tokens.viewer): Promise<Detail> {
    for (let tries = 0; tries < 600; tries += 1) {
      // Its hosts are heard, however long the tests take.
      await trial.control.query('UPDATE hosts SET last_seen_at = now()');
      const { body } = await ask<Detail>(`/api/v1/alerts/${id}`, { token });
      if (!body.telemetryPending && body.processes.length > 0) return body;
      await sleep(100);
    }
    throw new Error(`The processes of alert ${id} never came`);
  }
  const post = <Body = Problem>(path: string, token: string): Promise<Answer<Body>> =>
    ask<Body>(path, { method: 'POST', token });
  const nobody = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${trial.url}${path}`, { redirect: 'manual', ...init });

  async function signIn(): Promise<string> {
    const response = await nobody(`/login?token=${await trial.loginToken('responder')}`);
    return (response.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
  }

  beforeAll(async () => {
    trial = await startApiTrial();
    await seedTenant(trial, 'default');
    await seedTenant(trial, 'other');
    const home = await seedHost(trial, 'default', { name: 'node-3' });
    const elsewhere = await seedHost(trial, 'other', { name: 'node-9' });
    wiper = await seedWiper(trial, home);
    ransomware = await seedRansomware(trial, home);
    reverseShell = await seedReverseShell(trial, home);
    foreign = await seedRansomware(trial, elsewhere);
    tokens = {
      viewer: await trial.tokenOf('viewer'),
      analyst: await trial.tokenOf('analyst'),
      responder: await trial.tokenOf('responder'),
      admin: await trial.tokenOf('admin'),
    };
  });

  afterAll(() => trial.close());

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

    it('whoever opens a one-time link, once', async () => {
      const link = `/login?token=${await trial.loginToken()}`;
      const first = await nobody(link);
      const cookie = first.headers.get('set-cookie') ?? '';
      expect(cookie).toMatch(/^norn_session=.+; Max-Age=43200; Path=\/;.*HttpOnly; SameSite=Strict$/);
      const session = await nobody('/api/v1/session', { headers: { cookie: cookie.split(';')[0] ?? '' } });
      expect(await session.json()).toMatchObject({ userName: 'admin', role: 'admin', tenantId: 'default' });
      const second = await nobody(link);
      expect([second.status, second.headers.get('location'), second.headers.get('set-cookie')]).toEqual([
        303,
        '/login?problem=used',
        null,
      ]);
    });

    it('exactly one of many who open the same link at once', async () => {
      const link = `/login?token=${await trial.loginToken()}`;
      const all = await Promise.all(Array.from({ length: 8 }, () => nobody(link)));
      expect(all.filter(({ status }) => status === 200)).toHaveLength(1);
    });

    it('no session secret as a bearer token, and no login link as either', async () => {
      const cookie = await signIn();
      expect((await ask('/api/v1/status', { token: cookie.split('=')[1] })).status).toBe(401);
      expect((await ask('/api/v1/status', { token: await trial.loginToken() })).status).toBe(401);
    });

    it('nobody any more after signing out, and leaves a trace of both', async () => {
      const cookie = await signIn();
      expect((await nobody('/api/v1/logout', { method: 'POST', headers: { cookie } })).status).toBe(204);
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

  describe('shows an alert', () => {
    it('with its container, what happened and what was done', async () => {
      const body = await whole(ransomware);
      expect(body.alert).toMatchObject({
        containerId: webContainer.id,
        containerName: 'web-1',
        containerImage: 'shop/web:1.4',
        podName: 'web-1-x2k4q',
        podNamespace: 'shop',
        imageDigest: expect.stringMatching(/^shop\/web:1.4@sha256:[0-9a-f]{64}$/),
        pod: { labels: { app: 'web', tier: 'front' }, owner: 'Deployment/web-1', serviceAccount: 'till' },
        hostName: 'node-3',
        severity: 'critical',
        state: 'remediated',
        stoppedAfterMs: 38,
        stoppedBy: 'reflex',
        files: { restored: 7, removed: 1, unchanged: 0, lost: 0, conflict: 0 },
        summary:
          'python3 encrypted 7 files in 38 ms; Norn killed 3 processes, restored 7 of 7 files and removed 1 file it had made.',
      });
    });

    it('with the tree: ancestors above, the origin, what is blamed, what was killed', async () => {
      const body = await whole(ransomware);
      const pids = (keep: (process: Detail['processes'][number]) => boolean): number[] =>
        body.processes.filter(keep).map((process) => process.pid);
      expect(pids(({ ancestor }) => ancestor)).toEqual([1, 820, 4002]);
      expect(pids(({ origin }) => origin)).toEqual([4011]);
      expect(pids(({ blamed }) => blamed)).toEqual([4118, 4119, 4120, 4121]);
      expect(pids(({ killed }) => killed)).toEqual([4118, 4120, 4121]);
      const curl = body.processes.flatMap(({ images }) => images).find(({ path }) => path === '/usr/bin/curl');
      expect(curl).toMatchObject({
        ...{ package: 'curl', packageVersion: '8.14.1-2', terminal: '' },
        ...{ effectiveCapabilities: ['chown'], permittedCapabilities: ['chown', 'setuid'] },
      });
      expect(curl).not.toHaveProperty('loginUserId');
      const outside = body.processes.find(({ containerId }) => containerId === '')?.images[0];
      expect(outside).toMatchObject({
        terminal: 'pts3',
        loginUserId: 1000,
        loginUserName: 'anna',
        sessionId: 7,
        package: '',
      });
      const python = body.processes.find((process) => process.pid === 4121);
      expect(python).toMatchObject({
        namespacePid: 37,
        containerId: webContainer.id,
        filesTouched: 8,
        ended: true,
        exitSignal: 9,
        techniques: ['T1486'],
      });
      expect(python?.images.map((image) => image.path)).toEqual(['/usr/bin/sh', '/usr/bin/python3.11']);
    });

    it('with every file and its verdict, what was lost first', async () => {
      const body = await whole(wiper);
      expect(body.filesTotal).toBe(184);
      expect(body.files.slice(0, 3).map((file) => file.verdict)).toEqual(['lost', 'lost', 'conflict']);
      expect(body.files[0]).toMatchObject({
        path: '/var/lib/app/index.wal',
        reason: expect.stringMatching(/before its state could be kept/),
        mode: 0o100640,
        userId: 33,
      });
      expect(body.files[0]?.sha256Before).toMatch(/^[0-9a-f]{64}$/);
    });

    it('with what changed while nothing is decided, and what still runs', async () => {
      const body = await whole(reverseShell);
      expect(body.files.map(({ path, verdict }) => [path, verdict])).toEqual([
        ['/tmp/.who', 'changed'],
        ['/tmp/.suid', 'changed'],
      ]);
      expect(body.alert.runningProcesses).toBe(2);
      expect(body.connections.map(({ direction, address, port }) => [direction, address, port])).toEqual([
        ['connect', '198.51.100.7', 4444],
        ['stdio', '198.51.100.7', 4444],
      ]);
    });

    it('with a timeline in order, counted from the first act', async () => {
      const body = await whole(ransomware);
      const offsets = body.timeline.map((entry) => entry.offsetUs);
      expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
      const said = body.timeline.map((entry) => entry.text);
      expect(said).toContain('The agent killed 3 processes, 38 ms after the first act');
      expect(said).toContain('python3.11 (4121) changed 8 files within 34 ms');
      expect(said.at(-1)).toBe('Restore succeeded: 7 of 7 files restored, 1 removed');
    });

    it('that put nothing back as what it is, in every place', async () => {
      await seedTenant(trial, 'waiting');
      const home = await seedHost(trial, 'waiting', { name: 'node-2' });
      const id = await seedConflicts(trial, home);
      const token = await trial.tokenOf('responder', 'waiting');
      const body = await whole(id, token);
      const said = { state: 'stopped', stateText: 'Stopped, 21 files wait for you, 1 lost' };
      expect(body.alert).toMatchObject(said);
      expect(body.alert.response).toMatch(/^21 files changed again later by somebody else.*decide about them in Files/);
      expect(body.commands[0]).toMatchObject({
        ...{ outcome: 'nothing', result: '0 of 22 files restored, 21 wait for you, 1 lost' },
        ...{ files: { restored: 0, removed: 0, unchanged: 0, lost: 1, conflict: 21 } },
        summary: expect.stringMatching(
          /^The policy asked to restore the files .*: 0 of 22 files restored, 21 wait for you, 1 lost\.$/,
        ),
      });
      expect(body.timeline.at(-1)).toMatchObject({
        ...{ text: 'Restore: 0 of 22 files restored, 21 wait for you, 1 lost', tone: 'bad' },
      });
      const listed = async (state: string) => (await ask<List>(`/api/v1/alerts?state=${state}`, { token })).body.alerts;
      expect(await listed('stopped')).toMatchObject([{ id, ...said }]);
      expect(await listed('remediated')).toEqual([]);
      const { body: status } = await ask<Shown<view.StatusView>>('/api/v1/status', { token });
      expect(status).toMatchObject({
        alertsOpen: { critical: 1 },
        files: { restored: 0, conflict: 21, lost: 1 },
        mood: 'fire',
      });
      const { body: api } = await ask<OpenApi>('/api/v1/openapi.json', { token });
      expect(JSON.stringify(api.paths['/api/v1/alerts'])).toContain('stopped');
      const { CommandView, AlertView } = api.components.schemas;
      expect(Object.keys(CommandView?.properties ?? {})).toEqual(
        expect.arrayContaining(['outcome', 'result', 'files']),
      );
      expect(Object.keys(AlertView?.properties ?? {})).toContain('stateText');
    });

    it('with two thousand processes', async () => {
      const home = await seedHost(trial, 'large', { name: 'node-1' }).catch(async () => {
        await seedTenant(trial, 'large');
        return seedHost(trial, 'large', { name: 'node-1' });
      });
      const id = await seedForkTree(trial, home, 2200);
      const body = await whole(id, await trial.tokenOf('viewer', 'large'));
      // Of its own 2000, and what leads to them.
      expect(body.processes).toHaveLength(2004);
      expect(body).toMatchObject({ processesTruncated: true, processesTotal: 2204 });
    });
  });

  describe('filters alerts', () => {
    it.each([
      ['severity=high', 1],
      ['severity=high,critical', 3],
      ['state=open', 1],
      [`container=${webContainer.id.slice(0, 12)}`, 2],
      ['technique=T1486', 1],
      ['rule=reflex.wiper', 1],
      ['image=/usr/bin/python3.11', 1],
      ['namespace=shop', 2],
      ['namespace=sho', 0],
      ['pod=web-1-x2k4q', 2],
      ['workload=Deployment/web-1', 2],
      ['workload=Deployment/web', 0],
      ['label=app%3Dweb', 2],
      ['label=app%3Dwe', 0],
      ['containerImage=shop/web:1.4', 2],
      ['containerImage=shop/web', 0],
      ['namespace=shop&label=tier%3Dback', 0],
      ['q=SHOP', 2],
      ['q=X2K4Q', 2],
      ['q=deployment/web', 2],
      ['q=nothing-of-that-name', 0],
    ])('by %s', async (filter, count) => {
      expect((await ask<List>(`/api/v1/alerts?${filter}`)).body.alerts).toHaveLength(count);
    });

    it('by the beginning of an id, of at least 8 digits and of the own tenant', async () => {
      for (const length of [8, 12, 32]) {
        const { body } = await ask<List>(`/api/v1/alerts?id=${ransomware.slice(0, length)}&limit=2`);
        expect(body.alerts.map(({ id }) => id)).toEqual([ransomware]);
      }
      expect((await ask<List>(`/api/v1/alerts?id=${foreign.slice(0, 12)}`)).body.alerts).toEqual([]);
      for (const id of [ransomware.slice(0, 7), `${ransomware}0`, 'ABCDEF01', '%25%25%25%25%25%25%25%25']) {
        expect((await ask(`/api/v1/alerts?id=${id}`)).status).toBe(400);
      }
    });

    it('page by page, each alert once', async () => {
      const first = (await ask<List>('/api/v1/alerts?limit=2')).body;
      const second = (await ask<List>(`/api/v1/alerts?limit=2&cursor=${first.nextCursor}`)).body;
      const ids = [...first.alerts, ...second.alerts].map((alert) => alert.id);
      expect(ids).toEqual([reverseShell, ransomware, wiper]);
      expect(second.nextCursor).toBe('');
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

  describe('acts', () => {
    it('not for those whose role does not reach', async () => {
      for (const token of [tokens.viewer, tokens.analyst])
        expect((await post(`/api/v1/alerts/${ransomware}/restore`, token)).status).toBe(403);
      expect((await post(`/api/v1/alerts/${ransomware}/archive`, tokens.viewer)).status).toBe(403);
      expect((await post('/api/v1/join-tokens', tokens.responder)).status).toBe(403);
    });

    it('by a signed command in the outbox, and once while it is on its way', async () => {
      const { status, body } = await post<Shown<view.CommandView>>(
        `/api/v1/alerts/${reverseShell}/kill`,
        tokens.responder,
      );
      expect([status, body.action, body.state, body.requestedBy]).toEqual([
        201,
        'kill',
        'requested',
        'responder-person',
      ]);
      const record = await trial.control.manager.findOneByOrFail(CommandRecord, { id: body.id });
      const signed = fromBinary(action.SignedCommandSchema, record.signed);
      const command = fromBinary(action.CommandSchema, signed.command);
      expect([command.action.case, command.tenantId, signed.signature.length]).toEqual(['kill', 'default', 64]);
      expect((await post(`/api/v1/alerts/${reverseShell}/kill`, tokens.responder)).body.code).toBe('action_pending');
      const { body: detail } = await ask<Detail>(`/api/v1/alerts/${reverseShell}`, { token: tokens.responder });
      expect(detail.actions.find((one) => one.action === 'kill')).toMatchObject({
        enabled: false,
        reason: 'It is on its way to the host already.',
      });
    });

    it('by taking its pod off the network, back, and by ending its container', async () => {
      const { body: detail } = await ask<Detail>(`/api/v1/alerts/${ransomware}`, { token: tokens.responder });
      expect(detail.actions.find((one) => one.action === 'isolate')).toMatchObject({
        label: 'Isolate the pod',
        enabled: true,
        consequence: expect.stringContaining('pod shop/web-1-x2k4q'),
      });
      const commandOf = async (deed: string) => {
        const { body } = await post<Shown<view.CommandView>>(`/api/v1/alerts/${ransomware}/${deed}`, tokens.responder);
        const record = await trial.control.manager.findOneByOrFail(CommandRecord, { id: body.id });
        const signed = fromBinary(action.SignedCommandSchema, record.signed);
        await trial.control.manager.update(
          CommandRecord,
          { id: body.id },
          { state: 'succeeded', finishedAt: new Date() },
        );
        return fromBinary(action.CommandSchema, signed.command);
      };
      const offered = async () =>
        (await ask<Detail>(`/api/v1/alerts/${ransomware}`, { token: tokens.responder })).body.actions.map(
          (one) => one.action,
        );
      expect(await commandOf('isolate')).toMatchObject({
        containerId: webContainer.id,
        action: { case: 'isolate', value: { lift: false } },
      });
      expect(await offered()).toEqual(expect.arrayContaining(['rejoin']));
      expect(await offered()).not.toContain('isolate');
      expect((await commandOf('rejoin')).action).toMatchObject({ case: 'isolate', value: { lift: true } });
      expect(await offered()).toContain('isolate');
      expect((await commandOf('isolate-host')).action).toMatchObject({
        case: 'isolate',
        value: { host: true, lift: false, seconds: 14_400 },
      });
      expect(await offered()).toEqual(expect.arrayContaining(['isolate', 'rejoin-host']));
      expect((await commandOf('rejoin-host')).action).toMatchObject({
        case: 'isolate',
        value: { host: true, lift: true },
      });
      expect(await offered()).toContain('isolate-host');
      expect((await commandOf('kill-container')).action).toMatchObject({
        case: 'kill',
        value: { wholeContainer: true },
      });
    });

    it('by deciding about files in conflict, of which it says how many', async () => {
      const { body: before } = await ask<Detail>(`/api/v1/alerts/${wiper}`, { token: tokens.responder });
      expect(before.actions.find((one) => one.action === 'restore-conflicts')).toMatchObject({
        label: 'Put back 1 conflict',
        enabled: true,
      });
      const asked = `/api/v1/alerts/${wiper}/restore-conflicts?path=%2Fsrv%2Fa&path=%2Fsrv%2Fb`;
      const { status, body } = await post<Shown<view.CommandView>>(asked, tokens.responder);
      expect([status, body.action]).toEqual([201, 'restore-conflicts']);
      const record = await trial.control.manager.findOneByOrFail(CommandRecord, { id: body.id });
      const signed = fromBinary(action.SignedCommandSchema, record.signed);
      const { action: what } = fromBinary(action.CommandSchema, signed.command);
      expect(what).toMatchObject({ case: 'restore', value: { overConflicts: true, paths: ['/srv/a', '/srv/b'] } });
      const tooLong = `/api/v1/alerts/${wiper}/restore-conflicts?path=${'x'.repeat(5000)}`;
      expect((await post(tooLong, tokens.responder)).status).toBe(400);
    });

    it('by putting an alert away', async () => {
      const { status, body } = await post<Shown<view.AlertView>>(`/api/v1/alerts/${wiper}/archive`, tokens.analyst);
      expect([status, body.state]).toEqual([200, 'archived']);
      const trail = await trial.control.manager.findBy(AuditEntry, { tenantId: 'default', subject: wiper });
      expect(trail.map((entry) => [entry.actor, entry.action])).toContainEqual(['analyst-person', 'alert.archived']);
    });

    it('and says in words what a person may do and why not', async () => {
      const { body } = await ask<Detail>(`/api/v1/alerts/${ransomware}`);
      expect(body.actions.map((one) => [one.action, one.enabled])).toEqual([
        ['restore', false],
        ['isolate', false],
        ['kill-container', false],
        ['isolate-host', false],
        ['restore-container', false],
        ['restore-container-cold', false],
        ['undo', false],
        ['release', false],
        ['archive', false],
      ]);
      expect(body.actions[0]?.reason).toMatch(/You are viewer; this needs the role responder/);
    });
  });

  describe('tells live', () => {
    it('of a change to its own tenant, and of no other', async () => {
      const abort = new AbortController();
      const response = await nobody('/api/v1/stream', {
        headers: { authorization: `Bearer ${tokens.viewer}` },
        signal: abort.signal,
      });
      expect(response.headers.get('content-type')).toBe('text/event-stream');
      const heard = readUntil(response, (text) => text.includes(`"id":"${ransomware}"`));
      await trial.control.query('UPDATE alert_handlings SET updated_at = now() WHERE id = $1', [foreign]);
      await trial.control.query('UPDATE alert_handlings SET version = version + 1 WHERE id = $1', [ransomware]);
      const text = await heard;
      abort.abort();
      expect(text).toContain(`event: alert\ndata: {"id":"${ransomware}","version":4}`);
      expect(text).not.toContain(foreign);
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

  it('goes on with less when stored events can not be read, does not ask again by itself, and does when told', async () => {
    const path = `/api/v1/alerts/${ransomware}`;
    await trial.events.command({ query: 'RENAME TABLE processes TO processes_away' });
    await trial.control.query('DELETE FROM attack_summaries WHERE alert_id = $1', [ransomware]);
    let body = (await ask<Detail>(path)).body;
    while (body.telemetryPending) body = (await ask<Detail>(path)).body;
    expect([body.telemetryProblem, body.processes, body.alert.containerId]).toEqual([
      expect.stringMatching(/could not be read.*tried again in 1 min/),
      [],
      webContainer.id,
    ]);
    await trial.events.command({ query: 'RENAME TABLE processes_away TO processes' });
    const asked = async () =>
      (await trial.control.query<unknown[]>('SELECT 1 FROM attack_summaries WHERE alert_id = $1', [ransomware])).length;
    expect([(await ask<Detail>(path)).body.processes, await asked()]).toEqual([[], 0]);
    await ask<Detail>(`${path}?again=true`);
    expect((await whole(ransomware)).processes).toHaveLength(11);
  });

  it('shows what was kept with the alert though stored events are away', async () => {
    await whole(wiper);
    await trial.events.command({ query: 'RENAME TABLE processes TO processes_away, events TO events_away' });
    const { body } = await ask<Detail>(`/api/v1/alerts/${wiper}`);
    await trial.events.command({ query: 'RENAME TABLE processes_away TO processes, events_away TO events' });
    expect([body.processes.length, body.telemetryProblem, body.telemetryPending]).toEqual([5, '', false]);
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

  it('lets nobody try one-time links without end', async () => {
    const tries = await Promise.all(
      Array.from({ length: 70 }, (_, index) => nobody(`/login?token=${'x'.repeat(40)}${index}`)),
    );
    expect(tries.map(({ status }) => status)).toContain(429);
    expect(tries.filter(({ status }) => status === 200)).toEqual([]);
    // What one user of this machine has used up is another's still.
    if (process.getuid?.() !== 0) return;
    const url = `${trial.url}/login?token=${'x'.repeat(40)}`;
    const script = `fetch(${JSON.stringify(url)}, { redirect: 'manual' }).then(({ status }) => console.log(status))`;
    const other = ['--reuid', '65534', '--regid', '65534', '--clear-groups', process.execPath, '-e', script];
    const { stdout } = await promisify(execFile)('setpriv', other, { cwd: '/' });
    const answers = new Set(tries.map(({ status }) => String(status)).filter((status) => status !== '429'));
    expect(answers).toContain(stdout.trim());
  });

  it('keeps severities as the findings have them', async () => {
    const { body } = await ask<Detail>(`/api/v1/alerts/${ransomware}`);
    expect(body.findings.map((one) => one.severity)).toEqual(['critical', 'medium']);
    expect(finding.Severity.CRITICAL).toBe(5);
  });
});

async function readUntil(response: Response, enough: (text: string) => boolean): Promise<string> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { done = true, value = '' } = (await reader?.read()) ?? {};
    text += value;
    if (done || enough(text)) return text;
  }
}
