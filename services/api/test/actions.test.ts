// What comes of an action that a person asks the API for, and what is told live.
import { fromBinary } from '@bufbuild/protobuf';
import { action, type view } from '@norn/contracts';
import { AuditEntry, CommandRecord } from '@norn/store';
import { type Detail, type SeededApi, type Shown, startSeededApi } from './seeded-api.ts';
import { webContainer } from './seeds/index.ts';

describe('the API', () => {
  let trial: SeededApi['trial'];
  let ask: SeededApi['ask'];
  let post: SeededApi['post'];
  let nobody: SeededApi['nobody'];
  let whole: SeededApi['whole'];
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
      whole,
      tokens,
      foreign,
      alerts: { ransomware, reverseShell, wiper },
    } = await startSeededApi());
    // What may be done depends on what still runs.
    for (const id of [ransomware, reverseShell, wiper]) await whole(id);
  });
  afterAll(() => trial.close());

  describe('acts', () => {
    it('not for those whose role does not reach', async () => {
      for (const token of [tokens.viewer, tokens.analyst])
        expect((await post(`/api/v1/alerts/${ransomware}/restore`, token)).status).toBe(403);
      expect((await post(`/api/v1/alerts/${ransomware}/archive`, tokens.viewer)).status).toBe(403);
      expect((await post('/api/v1/join-tokens', tokens.responder)).status).toBe(403);
    });

    it('by a command in the outbox that nobody has signed but for the person, and once while it is on its way', async () => {
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
      expect([command.action.case, command.tenantId]).toEqual(['kill', 'default']);
      expect([signed.signature.length, signed.personSignature.length]).toEqual([0, 64]);
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
