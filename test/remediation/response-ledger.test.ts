// Remediation against the real PostgreSQL: every message counts once, whatever is delivered twice and whatever crashes when.
// @norn-strict
import { create, fromBinary } from '@bufbuild/protobuf';
import { toHex } from '@norn/base';
import type { BusRecord, OutRecord } from '@norn/bus';
import { action, finding } from '@norn/contracts';
import { PostgresLedger, type Send, relayOutbox, Responder, sweepDeadlines } from '@norn/remediation/parts';
import { type ActionName, orderOf, signForPerson, verifyCommand } from '@norn/response';
import { createLogger } from '@norn/telemetry';
import {
  AlertHandling,
  archiveAlert,
  AuditEntry,
  CommandRecord,
  createControlStore,
  createToken,
  ensureTenant,
  findToken,
  hashToken,
  listenTo,
  OutboxEntry,
  parseChange,
  type PersonIssuer,
  redeemToken,
  requestAction,
} from '@norn/store';
import { startPostgres, type TestPostgres } from '@norn/testkit';
import type { DataSource } from 'typeorm';
import {
  alertOf,
  alertRecord,
  fileVerdict,
  hostId,
  idOf,
  outcomeRecord,
  proofs,
  reflexFinding,
  tenantId,
} from './attack-alert.ts';
import { makeCommandKey } from './test-command-key.ts';

const { OutcomeState, Verdict } = action;
const { commandKey, publicKeyPem } = makeCommandKey();
const issuer: PersonIssuer<ActionName> = {
  orderOf,
  commandTtlMs: 120_000,
  prove: (unsigned) => signForPerson(unsigned, proofs.api),
};

let postgres: TestPostgres;
let store: DataSource;
let responder: Responder;
let deadLetters: OutRecord[];
let startedAt: string;

beforeAll(async () => {
  postgres = await startPostgres();
  store = await createControlStore({ postgresUrl: postgres.urlWithPassword });
  await ensureTenant(store.manager, tenantId);
});

afterAll(async () => {
  await store.destroy();
  await postgres.stop();
});

beforeEach(async () => {
  await store.query('TRUNCATE alert_handlings, commands, attack_summaries, file_verdicts, outbox, inbox');
  deadLetters = [];
  [{ startedAt }] = await store.query<[{ startedAt: string }]>(`SELECT clock_timestamp()::text AS "startedAt"`);
  responder = new Responder(new PostgresLedger(store, { commandTtlMs: issuer.commandTtlMs }), {
    send: (_topic, records) => {
      deadLetters.push(...records);
      return Promise.resolve();
    },
  });
});

async function deliver(...records: BusRecord[]): Promise<void> {
  for (const record of records) {
    const batch = { topic: record.topic, partition: 0, records: [record], endOffset: 0 };
    await (record.topic === 'alerts' ? responder.handleAlerts(batch) : responder.handleOutcomes(batch));
  }
}

const commands = (): Promise<CommandRecord[]> => store.manager.find(CommandRecord, { order: { epoch: 'ASC' } });
const only = async (): Promise<CommandRecord> => (await commands())[0]!;
const handlingOf = (name: string): Promise<AlertHandling> =>
  store.manager.findOneByOrFail(AlertHandling, { id: idOf(name) });
/** Of this test: the trail can not be emptied between tests. */
const auditOf = async (subject: string): Promise<string[]> => {
  const rows = await store.query<{ action: string }[]>(
    'SELECT action FROM audit_entries WHERE subject = $1 AND at >= $2::timestamptz ORDER BY at',
    [subject, startedAt],
  );
  return rows.map((row) => row.action);
};

function relayTo(send: Send): Promise<number> {
  return relayOutbox({ source: store, send, proofKeys: proofs.keys, commandKey, logger: createLogger('test') });
}

/** What the relay would give to Kafka; the ids of the commands. */
async function relay(): Promise<string[]> {
  const sent: string[] = [];
  await relayTo((_topic, records) => {
    for (const { value } of records) sent.push(commandIn(value).id);
    return Promise.resolve();
  });
  return sent;
}

function commandIn(signed: Uint8Array): action.Command {
  return fromBinary(action.CommandSchema, fromBinary(action.SignedCommandSchema, signed).command);
}

describe('an alert of a reflex', () => {
  const first = alertRecord(alertOf('alert', 1, [reflexFinding('f1', 'scope1')]));

  it('becomes one signed restore command for its scope, in the outbox and in the audit trail', async () => {
    await deliver(first);
    const command = await only();
    expect(command).toMatchObject({
      action: 'restore',
      state: 'requested',
      requestedBy: 'policy',
      epoch: '1',
      scopeUids: [idOf('scope1')],
    });
    expect(await handlingOf('alert')).toMatchObject({
      state: 'responding',
      version: 1,
      killedPids: [41, 42],
      epoch: '1',
    });
    expect(await auditOf(command.id)).toEqual(['command.requested']);
    const [entry] = await store.manager.find(OutboxEntry);
    expect(entry).toMatchObject({ topic: 'commands', key: `${tenantId}:${hostId}` });
    // Who reads the database finds nothing that a host would obey.
    expect(fromBinary(action.SignedCommandSchema, entry!.body).signature).toHaveLength(0);
    const sent: OutRecord[] = [];
    await relayTo((_topic, records) => Promise.resolve(void sent.push(...records)));
    const signed = fromBinary(action.SignedCommandSchema, sent[0]!.value);
    const context = { tenantId, hostId, nowUs: BigInt(Date.now()) * 1000n, seenIds: new Set<string>() };
    const verdict = verifyCommand(signed, {
      ...context,
      publicKeyPems: [publicKeyPem],
      proofKeys: proofs.keys,
    });
    expect(verdict).toMatchObject({
      ok: true,
      command: { id: command.id, alertId: idOf('alert'), action: { case: 'restore' } },
    });
  });

  it('changes nothing when it is delivered again', async () => {
    await deliver(first, first);
    expect(await commands()).toHaveLength(1);
    expect(await store.manager.count(OutboxEntry)).toBe(1);
  });

  it('hands its trace on: command, Kafka record and later outcome belong to the trace of the batch', async () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const headers = { ...first.headers, traceparent: `00-${traceId}-b7ad6b7169203331-01` };
    await deliver({ ...first, headers });
    const sent: OutRecord[] = [];
    await relayTo((_topic, records) => {
      sent.push(...records);
      return Promise.resolve();
    });
    expect(sent[0]!.headers['traceparent']).toContain(traceId);
    expect(fromBinary(action.SignedCommandSchema, sent[0]!.value).traceparent).toContain(traceId);
    expect(sent[0]!.headers).toMatchObject({ tenant: tenantId, host: hostId, schema: '1' });
  });

  it('gets a further command for new evidence only', async () => {
    const more = [reflexFinding('f1', 'scope1'), reflexFinding('f2', 'scope2')];
    await deliver(first, alertRecord(alertOf('alert', 2, more)), first);
    const issued = await commands();
    expect(issued.map(({ epoch, scopeUids, findingIds }) => [epoch, scopeUids, findingIds])).toEqual([
      ['1', [idOf('scope1')], [idOf('f1')]],
      // Restored together with what was restored before: both may have changed one file.
      ['2', [idOf('scope1'), idOf('scope2')], [idOf('f2')]],
    ]);
    expect((await handlingOf('alert')).version).toBe(2);
  });

  it('is killed first when the agent has not', async () => {
    const response = create(finding.ResponseSchema, { rung: finding.ResponseRung.FROZEN });
    await deliver(alertRecord(alertOf('alert', 1, [reflexFinding('f1', 'scope1', { response })])));
    expect((await commands()).map((command) => command.action)).toEqual(['kill', 'restore']);
    expect(await relay()).toEqual((await commands()).map(({ id }) => id));
  });

  it('is only observed when the tenant says so, and when it is a rule', async () => {
    const rule = reflexFinding('f1', 'scope1', { source: finding.FindingSource.RULE });
    await deliver(alertRecord(alertOf('alert', 1, [rule])));
    expect(await commands()).toEqual([]);
    expect((await handlingOf('alert')).state).toBe('open');
  });

  it('does not stop what comes behind it when nothing can hold it', async () => {
    const impossible = { ...alertOf('far', 1, [reflexFinding('f1')]), createdAtUs: 2n ** 63n };
    const odd = alertOf('odd', 1, [reflexFinding('f1')]);
    await deliver(
      alertRecord(impossible),
      alertRecord({ ...odd, containerId: 'a\0b' }),
      alertRecord({ ...odd, severity: 70_000 as never }),
      first,
    );
    expect(deadLetters.map(({ headers }) => headers['code'])).toEqual([
      'alert_malformed',
      'alert_malformed',
      'record_unusable',
    ]);
    expect(await commands()).toHaveLength(1);
  });

  it('can not take over the alert of another tenant by its id', async () => {
    await deliver(first);
    const foreign = { ...alertOf('alert', 9, [reflexFinding('f9')]), tenantId: 'acme' };
    await deliver(alertRecord(foreign, `acme:${hostId}`));
    expect(await handlingOf('alert')).toMatchObject({ tenantId, version: 1 });
    expect(await commands()).toHaveLength(1);
  });
});

describe('what a host says of a command', () => {
  beforeEach(() => deliver(alertRecord(alertOf('alert', 1, [reflexFinding('f1', 'scope1')]))));

  it('moves it on, never back, and ends the alert', async () => {
    const { id } = await only();
    const states: string[] = [];
    for (const state of [
      OutcomeState.DELIVERED,
      OutcomeState.RUNNING,
      OutcomeState.DELIVERED,
      OutcomeState.SUCCEEDED,
      OutcomeState.RUNNING,
    ]) {
      await deliver(outcomeRecord(id, state));
      states.push((await only()).state);
    }
    expect(states).toEqual(['delivered', 'running', 'running', 'succeeded', 'succeeded']);
    expect((await handlingOf('alert')).state).toBe('remediated');
    expect(await auditOf(id)).toEqual(['command.requested', 'command.succeeded']);
  });

  it('counts each file once over all parts, repetitions and a second restore', async () => {
    const { id } = await only();
    const parts = [
      outcomeRecord(id, OutcomeState.RUNNING, {
        part: 0,
        files: [fileVerdict('/a', Verdict.RESTORED), fileVerdict('/b', Verdict.RESTORED)],
      }),
      outcomeRecord(id, OutcomeState.RUNNING, {
        part: 1,
        files: [fileVerdict('/note', Verdict.REMOVED), fileVerdict('/c', Verdict.LOST)],
      }),
      outcomeRecord(id, OutcomeState.SUCCEEDED, {
        part: 2,
        files: [fileVerdict('/d', Verdict.CONFLICT)],
        killedPids: [43],
      }),
    ];
    await deliver(...parts, ...parts);
    const counts = { filesRestored: 2, filesRemoved: 1, filesUnchanged: 0, filesLost: 1, filesConflict: 1 };
    // Never better than its worst part.
    expect(await handlingOf('alert')).toMatchObject({ ...counts, state: 'stopped', killedPids: [41, 42, 43] });
    expect(await store.manager.findOneByOrFail(CommandRecord, { id })).toMatchObject({
      ...{ filesChanged: 3, filesRemoved: 1, filesUnchanged: 0, filesLost: 1, filesConflict: 1 },
    });

    const again = await requestAction(store, issuer, {
      tenantId,
      alertId: idOf('alert'),
      action: 'restore',
      requestedBy: 'ann',
    });
    const files = [
      fileVerdict('/a', Verdict.UNCHANGED),
      fileVerdict('/note', Verdict.UNCHANGED),
      fileVerdict('/d', Verdict.RESTORED),
    ];
    await deliver(outcomeRecord(again.id, OutcomeState.SUCCEEDED, { files }));
    expect(await handlingOf('alert')).toMatchObject({ ...counts, filesRestored: 3, filesConflict: 0 });
  });

  it('is refused and audited when the command is unknown or of another tenant or host', async () => {
    const { id } = await only();
    const files = [fileVerdict('/a', Verdict.LOST)];
    await deliver(outcomeRecord(id, OutcomeState.SUCCEEDED, { files }, `acme:${hostId}`));
    await deliver(outcomeRecord(id, OutcomeState.SUCCEEDED, { files }, `${tenantId}:host-ffffffffffffffff`));
    await deliver(outcomeRecord(idOf('nobody'), OutcomeState.SUCCEEDED));
    expect((await only()).state).toBe('requested');
    expect(await handlingOf('alert')).toMatchObject({ state: 'responding', filesLost: 0 });
    expect((await auditOf(id)).filter((what) => what === 'outcome.refused')).toHaveLength(2);
    expect((await auditOf(idOf('nobody')))[0]).toBe('outcome.refused');
  });

  it('that a host makes up is in the trail at most once a minute, and leaves nothing else behind', async () => {
    const rows = async (table: string): Promise<number> => {
      const [row] = await store.query<{ count: string }[]>(`SELECT count(*) FROM ${table}`);
      return Number(row?.count);
    };
    const before = { trail: await rows('audit_entries'), inbox: await rows('inbox') };
    const key = `${tenantId}:host-eeeeeeeeeeeeeeee`;
    for (let i = 0; i < 100; i++) await deliver(outcomeRecord(idOf(`made up ${i}`), OutcomeState.SUCCEEDED, {}, key));
    // A minute may end meanwhile.
    expect((await rows('audit_entries')) - before.trail).toBeLessThanOrEqual(2);
    expect((await rows('inbox')) - before.inbox).toBeLessThanOrEqual(2);
  });

  it('is bounded, whoever has the host', async () => {
    const { id } = await only();
    const hostile = { message: 'a\0'.repeat(5_000), code: '\0', alertId: '\0', killedPids: [4_000_000_000, 7] };
    await deliver(
      outcomeRecord(id, OutcomeState.RUNNING, { ...hostile, files: [fileVerdict('/a', 99_999 as never)] }),
      outcomeRecord(idOf('nobody'), OutcomeState.RUNNING, hostile),
      outcomeRecord('\0', OutcomeState.RUNNING),
    );
    expect((await only()).message).toBe('a'.repeat(1_000));
    expect(await handlingOf('alert')).toMatchObject({ killedPids: [7, 41, 42], filesRestored: 0 });
    expect(deadLetters.map(({ headers }) => headers['code'])).toEqual(['outcome_malformed']);
  });

  it('fails the alert when the host refuses it, and says why', async () => {
    const { id } = await only();
    await deliver(
      outcomeRecord(id, OutcomeState.REFUSED, { code: 'bad_signature', message: 'The signature is not ours' }),
    );
    expect(await only()).toMatchObject({
      state: 'failed',
      code: 'bad_signature',
      message: 'The signature is not ours',
    });
    expect((await handlingOf('alert')).state).toBe('failed');
    expect(await auditOf(id)).toContain('command.refused');
  });
});

describe('the outbox', () => {
  beforeEach(() =>
    deliver(
      alertRecord(alertOf('one', 1, [reflexFinding('f1')])),
      alertRecord(alertOf('two', 1, [reflexFinding('f2')])),
      alertRecord(alertOf('one', 2, [reflexFinding('f1'), reflexFinding('f3')])),
    ),
  );

  it('is sent in its order, once', async () => {
    const ids = (await store.manager.find(OutboxEntry, { order: { id: 'ASC' } })).map(({ body }) => commandIn(body).id);
    expect(await relay()).toEqual(ids);
    expect(await relay()).toEqual([]);
    expect(new Set((await commands()).map(({ state }) => state))).toEqual(new Set(['dispatched']));
  });

  it('is sent again when the relay dies between Kafka and its commit', async () => {
    const reached: string[] = [];
    const dies = relayTo((_topic, records) => {
      for (const { value } of records) reached.push(commandIn(value).id);
      return Promise.reject(new Error('killed'));
    });
    await expect(dies).rejects.toThrow('killed');
    expect(new Set((await commands()).map(({ state }) => state))).toEqual(new Set(['requested']));
    expect(await relay()).toEqual(reached);
  });

  it('has one relay at a time', async () => {
    let second: number | undefined;
    const sent = await relayTo(async () => {
      second ??= await relayTo(() => Promise.reject(new Error('overtakes')));
    });
    expect([sent, second]).toEqual([3, 0]);
  });
});

describe('a deadline', () => {
  beforeEach(async () => {
    await deliver(alertRecord(alertOf('alert', 1, [reflexFinding('f1', 'scope1')])));
  });

  const pass = (column: 'retry_at' | 'expires_at'): Promise<unknown> =>
    store.query(`UPDATE commands SET ${column} = now() - interval '1 second'`);

  it('dispatches again what Kafka has and nobody confirmed, each time later', async () => {
    const { id } = await only();
    await pass('retry_at');
    // Still in the outbox: a second entry would only pile up while the broker is away.
    expect(await sweepDeadlines(store)).toEqual({ retried: 0, expired: 0 });
    await relay();
    expect(await sweepDeadlines(store)).toEqual({ retried: 1, expired: 0 });
    expect(await sweepDeadlines(store)).toEqual({ retried: 0, expired: 0 });
    expect(await relay()).toEqual([id]);
    expect(await only()).toMatchObject({ state: 'dispatched', attempts: 2 });
    await deliver(outcomeRecord(id, OutcomeState.RUNNING));
    await pass('retry_at');
    expect(await sweepDeadlines(store)).toEqual({ retried: 0, expired: 0 });
  });

  it('sends what the host has not confirmed before what is new: it refuses a lower epoch after a higher one', async () => {
    const first = await only();
    await relay();
    await deliver(alertRecord(alertOf('alert', 2, [reflexFinding('f1', 'scope1'), reflexFinding('f2', 'scope2')])));
    const second = (await commands())[1]!;
    expect(await relay()).toEqual([first.id, second.id]);
    await store.query(`UPDATE commands SET retry_at = now() - interval '1 second' WHERE id = $1`, [second.id]);
    expect(await sweepDeadlines(store)).toEqual({ retried: 2, expired: 0 });
    expect(await relay()).toEqual([first.id, second.id]);
  });

  it('is not remediated where nothing was put back, and is once the conflicts are', async () => {
    const { id } = await only();
    const paths = Array.from({ length: 21 }, (_, at) => `/srv/${String(at)}`);
    const all = (verdict: action.Verdict) => paths.map((path) => fileVerdict(path, verdict));
    await deliver(outcomeRecord(id, OutcomeState.SUCCEEDED, { files: all(Verdict.CONFLICT) }));
    expect(await handlingOf('alert')).toMatchObject({ state: 'stopped', filesRestored: 0, filesConflict: 21 });
    const request = { tenantId, alertId: idOf('alert'), requestedBy: 'anna' } as const;
    const over = await requestAction(store, issuer, { ...request, action: 'restore-conflicts' });
    expect((await handlingOf('alert')).state).toBe('responding');
    await deliver(outcomeRecord(over.id, OutcomeState.SUCCEEDED, { files: all(Verdict.RESTORED) }));
    expect(await handlingOf('alert')).toMatchObject({ state: 'remediated', filesRestored: 21, filesConflict: 0 });
  });

  it('is judged again by files that are told after the end', async () => {
    const { id } = await only();
    await deliver(outcomeRecord(id, OutcomeState.SUCCEEDED, { part: 1 }));
    expect((await handlingOf('alert')).state).toBe('remediated');
    await deliver(outcomeRecord(id, OutcomeState.RUNNING, { part: 0, files: [fileVerdict('/a', Verdict.CONFLICT)] }));
    expect((await handlingOf('alert')).state).toBe('stopped');
  });

  it('ends a command that nobody ran in time, and the alert says failed', async () => {
    const { id } = await only();
    await relay();
    await pass('expires_at');
    expect(await sweepDeadlines(store)).toEqual({ retried: 0, expired: 1 });
    expect(await sweepDeadlines(store)).toEqual({ retried: 0, expired: 0 });
    expect(await only()).toMatchObject({ state: 'expired', code: 'expired' });
    expect((await handlingOf('alert')).state).toBe('failed');
    expect(await auditOf(id)).toEqual(['command.requested', 'command.expired']);
  });

  it('believes the host when it had run the command after all', async () => {
    const { id } = await only();
    await pass('expires_at');
    await sweepDeadlines(store);
    await deliver(outcomeRecord(id, OutcomeState.SUCCEEDED, { files: [fileVerdict('/a', Verdict.RESTORED)] }));
    expect((await only()).state).toBe('succeeded');
    expect(await handlingOf('alert')).toMatchObject({ state: 'remediated', filesRestored: 1 });
  });

  it('does not end a command that runs', async () => {
    await deliver(outcomeRecord((await only()).id, OutcomeState.RUNNING));
    await pass('expires_at');
    expect(await sweepDeadlines(store)).toEqual({ retried: 0, expired: 0 });
  });
});

describe('what a person asks for', () => {
  const request = { tenantId, alertId: idOf('alert'), requestedBy: 'ann' } as const;
  const rule = reflexFinding('f1', 'scope1', { source: finding.FindingSource.RULE });
  beforeEach(() =>
    deliver(
      alertRecord(alertOf('alert', 1, [rule, reflexFinding('f2', 'scope2', { severity: finding.Severity.LOW })])),
    ),
  );

  it('becomes a command for all that the alert blames', async () => {
    const command = await requestAction(store, issuer, { ...request, action: 'kill' });
    expect(command).toMatchObject({ requestedBy: 'ann', action: 'kill', scopeUids: [idOf('scope1'), idOf('scope2')] });
    expect(commandIn(command.signed)).toMatchObject({
      requestedBy: 'ann',
      findingIds: [idOf('f1'), idOf('f2')],
    });
    await expect(requestAction(store, issuer, { ...request, action: 'kill' })).rejects.toMatchObject({
      code: 'action_pending',
    });
  });

  it('has killed nobody when it froze or released', async () => {
    for (const action of ['suspend', 'release'] as const) {
      const { id } = await requestAction(store, issuer, { ...request, action });
      await deliver(outcomeRecord(id, OutcomeState.SUCCEEDED, { killedPids: [77] }));
      expect((await handlingOf('alert')).killedPids).not.toContain(77);
    }
  });

  it('is in the trace of the request however often it is dispatched, and in the alert’s when the request has none', async () => {
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const alertsOwn = `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`;
    const newer = alertRecord(alertOf('alert', 2, [rule]));
    await deliver({ ...newer, headers: { ...newer.headers, traceparent: alertsOwn } });
    await requestAction(store, issuer, { ...request, action: 'kill', traceparent });
    const traces: (string | undefined)[] = [];
    const relayTraces = () =>
      relayTo((_topic, records) => {
        traces.push(...records.map(({ headers }) => headers['traceparent']));
        return Promise.resolve();
      });
    await relayTraces();
    await store.query(`UPDATE commands SET retry_at = now() - interval '1 second'`);
    await sweepDeadlines(store);
    await relayTraces();
    await requestAction(store, issuer, { ...request, action: 'release' });
    await relayTraces();
    // The kill was not confirmed, so it goes again before what comes after it.
    expect(traces).toEqual([traceparent, traceparent, traceparent, alertsOwn]);
  });

  it('is refused for an alert of another tenant, and audited', async () => {
    await ensureTenant(store.manager, 'acme');
    await expect(requestAction(store, issuer, { ...request, tenantId: 'acme', action: 'kill' })).rejects.toMatchObject({
      code: 'alert_unknown',
    });
    await expect(archiveAlert(store, { ...request, tenantId: 'acme' })).rejects.toMatchObject({
      code: 'alert_unknown',
    });
    expect(await commands()).toEqual([]);
    const refusals = await store.manager.findBy(AuditEntry, { tenantId: 'acme', action: 'command.refused' });
    expect(refusals).toHaveLength(2);
  });

  it('releases, and what is released is not acted upon again; new evidence opens it', async () => {
    const release = await requestAction(store, issuer, { ...request, action: 'release' });
    await deliver(outcomeRecord(release.id, OutcomeState.SUCCEEDED));
    expect((await handlingOf('alert')).state).toBe('released');
    await store.query(
      `UPDATE policies SET response = 'kill-and-remediate' WHERE tenant_id = $1 AND protection = 'rule'`,
      [tenantId],
    );
    await deliver(alertRecord(alertOf('alert', 2, [rule])));
    await store.query(`UPDATE policies SET response = 'observe' WHERE tenant_id = $1 AND protection = 'rule'`, [
      tenantId,
    ]);
    expect(await commands()).toHaveLength(1);
    expect((await handlingOf('alert')).state).toBe('released');
    await deliver(
      alertRecord(alertOf('alert', 3, [rule, reflexFinding('f3', 'scope1', { source: finding.FindingSource.RULE })])),
    );
    expect((await handlingOf('alert')).state).toBe('open');
  });

  describe('about files', () => {
    const attack = (version: number) => {
      const one = alertOf('attack', version, [reflexFinding('f1', 'scope1')]);
      return alertRecord({ ...one, containerId: 'c1' });
    };
    const ask = (name: ActionName) =>
      requestAction(store, issuer, { ...request, alertId: idOf('attack'), action: name });
    const restoreOf = ({ signed }: CommandRecord) => commandIn(signed).action;
    const inContainer = (path: string, verdict: action.Verdict) => ({
      ...fileVerdict(path, verdict),
      containerId: 'c1',
    });
    const files = [
      inContainer('/srv/a', Verdict.RESTORED),
      inContainer('/srv/b', Verdict.REMOVED),
      inContainer('/srv/c', Verdict.UNCHANGED),
    ];
    const policys = async () => (await store.manager.findOneByOrFail(CommandRecord, { alertId: idOf('attack') })).id;

    it('is undone by the id of the newest restore, and then nothing is restored and the alert is open', async () => {
      await deliver(attack(1));
      await deliver(outcomeRecord(await policys(), OutcomeState.SUCCEEDED, { files }));
      expect(await handlingOf('attack')).toMatchObject({ state: 'remediated', filesRestored: 1, filesRemoved: 1 });
      await deliver(outcomeRecord((await ask('undo')).id, OutcomeState.FAILED));
      expect(await handlingOf('attack')).toMatchObject({ state: 'remediated', filesRestored: 1, filesUnchanged: 1 });
      const undo = await ask('undo');
      expect(restoreOf(undo)).toMatchObject({ case: 'restore', value: { undoCommandId: await policys() } });
      expect(commandIn(undo.signed).scopeUids).toEqual([]);
      const back = [fileVerdict('/srv/a', Verdict.RESTORED), fileVerdict('/srv/b', Verdict.CONFLICT)];
      await deliver(outcomeRecord(undo.id, OutcomeState.SUCCEEDED, { files: back }));
      const counts = { filesRestored: 0, filesRemoved: 1, filesUnchanged: 0 };
      expect(await handlingOf('attack')).toMatchObject({ state: 'open', ...counts });
      await expect(ask('undo')).rejects.toMatchObject({ code: 'nothing_to_undo' });
      await deliver(attack(2));
      expect(await commands()).toHaveLength(3);
    });

    describe('of a program from memory that a session started, of which a rule tells', () => {
      const shell = reflexFinding('f2', 'session', {
        ruleId: 'rule.memory',
        source: finding.FindingSource.RULE,
        response: undefined,
      });
      const memory = reflexFinding('f1', 'scope1', { ruleId: 'reflex.fileless' });
      const withShell = (version: number, ...more: finding.Finding[]) =>
        alertRecord({ ...alertOf('attack', version, [memory, shell, ...more]), containerId: 'c1' });
      const scopes = (command: CommandRecord) => commandIn(command.signed).scopeUids.map(toHex);
      const settle = ({ id }: CommandRecord, found = files) =>
        deliver(outcomeRecord(id, OutcomeState.SUCCEEDED, { files: found }));

      beforeEach(async () => {
        await deliver(withShell(1));
        await settle(await only());
      });

      it.each(['restore', 'restore-container', 'restore-container-cold', 'restore-conflicts'] as const)(
        'by hand (%s) is about the same processes as the one that policy did by itself',
        async (name) => {
          const byHand = await ask(name);
          expect(scopes(byHand)).toEqual(scopes(await only()));
          expect(scopes(byHand)).toEqual([idOf('scope1')]);
          expect(byHand.findingIds).toEqual([idOf('f1')]);
        },
      );

      it('is about the session as well only when a person asks for that by name', async () => {
        const wider = await ask('restore-blamed');
        expect(scopes(wider)).toEqual([idOf('scope1'), idOf('session')]);
        expect(restoreOf(wider)).toMatchObject({ case: 'restore', value: { wholeContainer: false, cold: false } });
        await settle(wider, [inContainer('/srv/d', Verdict.CONFLICT)]);
        // The conflict is of that restore.
        const over = await ask('restore-conflicts');
        expect(scopes(over)).toEqual([idOf('scope1'), idOf('session')]);
        await settle(over);
        const narrow = await ask('restore');
        expect(scopes(narrow)).toEqual([idOf('scope1')]);
        await settle(narrow);
        // What a person asked for once is not what policy does from then on.
        await deliver(withShell(2, reflexFinding('f3', 'scope2', { ruleId: 'reflex.fileless' })));
        expect(scopes((await commands()).at(-1)!)).toEqual([idOf('scope1'), idOf('scope2')]);
      });

      it('is undone after that by the id of the wider one', async () => {
        const wider = await ask('restore-blamed');
        await settle(wider);
        expect(restoreOf(await ask('undo'))).toMatchObject({ value: { undoCommandId: wider.id } });
      });
    });

    it('is for the whole container when a person says so, one at a time', async () => {
      await deliver(attack(1));
      await expect(ask('restore-container')).rejects.toMatchObject({ code: 'action_pending' });
      await deliver(outcomeRecord(await policys(), OutcomeState.FAILED));
      const whole = await ask('restore-container');
      expect(restoreOf(whole)).toMatchObject({ case: 'restore', value: { wholeContainer: true } });
      expect(commandIn(whole.signed)).toMatchObject({ containerId: 'c1' });
      await expect(ask('undo')).rejects.toMatchObject({ code: 'action_pending' });
      await deliver(outcomeRecord(whole.id, OutcomeState.SUCCEEDED, { files }));
      expect((await handlingOf('attack')).state).toBe('remediated');
    });

    it('is refused where there is no container, and where nothing was restored', async () => {
      const here = { ...request, alertId: idOf('alert') };
      await expect(requestAction(store, issuer, { ...here, action: 'restore-container' })).rejects.toMatchObject({
        code: 'no_container',
      });
      await expect(requestAction(store, issuer, { ...here, action: 'undo' })).rejects.toMatchObject({
        code: 'nothing_to_undo',
      });
    });
  });

  it('archives, whatever comes of earlier commands', async () => {
    const kill = await requestAction(store, issuer, { ...request, action: 'kill' });
    expect((await archiveAlert(store, request)).state).toBe('archived');
    await deliver(outcomeRecord(kill.id, OutcomeState.SUCCEEDED));
    expect((await handlingOf('alert')).state).toBe('archived');
    expect(await auditOf(idOf('alert'))).toContain('alert.archived');
  });

  describe('an alert that was archived', () => {
    const { severity, source } = { severity: finding.Severity.LOW, source: finding.FindingSource.RULE };
    const known = [rule, reflexFinding('f2', 'scope2', { severity })];
    const joined = (...found: finding.Finding[]): finding.Alert => alertOf('alert', 2, [...known, ...found]);

    beforeEach(async () => {
      await archiveAlert(store, request);
    });

    it('comes back with a finding that nothing answers', async () => {
      await deliver(alertRecord(joined(reflexFinding('f3', 'scope1', { severity, source }))));
      expect((await handlingOf('alert')).state).toBe('open');
      expect(await auditOf(idOf('alert'))).toEqual(['alert.archived', 'alert.reopened']);
    });

    it('comes back with one that policy answers, and its history says so', async () => {
      await deliver(alertRecord(joined(reflexFinding('f3', 'scope3'))));
      expect((await handlingOf('alert')).state).toBe('responding');
      expect(await auditOf(idOf('alert'))).toEqual(['alert.archived', 'alert.reopened']);
    });

    it('comes back with one that it has no room for', async () => {
      await deliver(alertRecord({ ...joined(), findingsTotal: known.length + 1 }));
      expect((await handlingOf('alert')).state).toBe('open');
    });

    it('stays where it is when nothing is new', async () => {
      await deliver(alertRecord(joined()));
      expect((await handlingOf('alert')).state).toBe('archived');
    });
  });
});

describe('the control store', () => {
  it('tells who listens of each change', async () => {
    const heard: string[] = [];
    const config = { postgresUrl: postgres.urlWithPassword };
    const listener = await listenTo(config, 'norn_changes', (payload) => {
      if (payload !== '') heard.push(`${parseChange(payload).kind} ${parseChange(payload).id}`);
    });
    await deliver(alertRecord(alertOf('alert', 1, [reflexFinding('f1')])));
    const { id } = await only();
    for (let tries = 0; tries < 100 && heard.length < 2; tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 20));
    await listener.close();
    expect(new Set(heard)).toEqual(new Set([`alert ${idOf('alert')}`, `command ${id}`]));
  });

  it('refuses to change the audit trail', async () => {
    await deliver(alertRecord(alertOf('alert', 1, [reflexFinding('f1')])));
    for (const statement of [
      'DELETE FROM audit_entries',
      `UPDATE audit_entries SET actor = 'x'`,
      'TRUNCATE audit_entries',
    ]) {
      await expect(store.query(statement)).rejects.toThrow('append-only');
    }
  });

  it('opens for several processes at once, and a tenant is made once', async () => {
    const config = { postgresUrl: postgres.urlWithPassword, poolMax: 2 };
    const stores = await Promise.all([1, 2, 3].map(() => createControlStore(config)));
    const administrators = await Promise.all(stores.map((each) => ensureTenant(each.manager, 'acme')));
    expect(new Set(administrators.map(({ id }) => id)).size).toBe(1);
    await Promise.all(stores.map((each) => each.destroy()));
  });

  it('lets a one-time token in once, and no token of another kind', async () => {
    const token = await createToken(store.manager, 'join', { tenantId, userId: null, ttlMs: 60_000 });
    expect(await findToken(store.manager, 'api', token)).toBeNull();
    const redeemed = await Promise.all([1, 2, 3].map(() => redeemToken(store.manager, 'join', token)));
    expect(redeemed.filter((each) => each !== null).map(({ tokenHash }) => tokenHash)).toEqual([hashToken(token)]);
    const stale = await createToken(store.manager, 'join', { tenantId, userId: null, ttlMs: -1 });
    expect(await redeemToken(store.manager, 'join', stale)).toBeNull();
  });

  it('loses and doubles nothing when PostgreSQL is killed in the middle', async () => {
    const records = Array.from({ length: 20 }, (_, at) =>
      alertRecord(alertOf(`k${at}`, 1, [reflexFinding(`kf${at}`)])),
    );
    const delivering = (async () => {
      for (const record of records) await deliver(record);
    })();
    await postgres.kill();
    await delivering.catch(() => undefined);
    await postgres.restart();
    await store.destroy();
    store = await createControlStore({ postgresUrl: postgres.urlWithPassword });
    responder = new Responder(new PostgresLedger(store, { commandTtlMs: issuer.commandTtlMs }), {
      send: () => Promise.resolve(),
    });
    await deliver(...records);
    expect(await commands()).toHaveLength(20);
    expect(await store.manager.count(OutboxEntry)).toBe(20);
  });
});
