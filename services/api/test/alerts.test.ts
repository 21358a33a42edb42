// Alerts as the API shows them: one with all that belongs to it, and lists of them.
import { finding, type view } from '@norn/contracts';
import { type Detail, type List, type OpenApi, type SeededApi, type Shown, startSeededApi } from './seeded-api.ts';
import { seedConflicts, seedForkTree, seedHost, seedTenant, webContainer } from './seeds/index.ts';

describe('the API', () => {
  let trial: SeededApi['trial'];
  let ask: SeededApi['ask'];
  let whole: SeededApi['whole'];
  let foreign: SeededApi['foreign'];
  let ransomware: string;
  let reverseShell: string;
  let wiper: string;
  beforeAll(async () => {
    ({
      trial,
      ask,
      whole,
      foreign,
      alerts: { ransomware, reverseShell, wiper },
    } = await startSeededApi());
  });
  afterAll(() => trial.close());

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

  it('keeps severities as the findings have them', async () => {
    const { body } = await ask<Detail>(`/api/v1/alerts/${ransomware}`);
    expect(body.findings.map((one) => one.severity)).toEqual(['critical', 'medium']);
    expect(finding.Severity.CRITICAL).toBe(5);
  });
});
