// Ingest over real gRPC with real certificates: what becomes of a connection, and who may have one.
import { create, fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { action, agent, event, policy } from '@norn/contracts';
import { signCommand } from '@norn/response';
import { limits } from '../src/limits.ts';
import { batchBytesMax, tryIngest } from './ingest-trial.ts';
import { issueIdentity, makeSecrets } from './test-authority.ts';
import { type TestHost, aBatch } from './test-host.ts';

const ingest = tryIngest();

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const signedPolicy = (text: string): policy.SignedPolicy =>
  create(policy.SignedPolicySchema, { policy: new TextEncoder().encode(text) });
const signersIn = ({ keys }: agent.SignerKeys): string =>
  keys.map(({ signer, publicKey }) => `${signer} ${publicKey}`).join();
const policiesHeard = (host: TestHost): string[] =>
  host.heard.flatMap((message) => (message.case === 'policy' ? [new TextDecoder().decode(message.value.policy)] : []));

describe('a connected host', () => {
  it('is sent the newest policy of its tenant when it connects and when it changes, and no other', async () => {
    ingest.policies.tell({ tenantId: 'default', signed: signedPolicy('first') });
    ingest.policies.tell({ tenantId: 'default', signed: signedPolicy('second') });
    ingest.policies.tell({ tenantId: 'other', signed: signedPolicy('foreign') });
    const { host } = await ingest.connectKnown();
    await host.until(() => policiesHeard(host).length === 1);
    ingest.policies.tell({ tenantId: 'other', signed: signedPolicy('foreign again') });
    ingest.policies.tell({ tenantId: 'default', signed: signedPolicy('third') });
    await host.until(() => policiesHeard(host).length === 2);
    expect(policiesHeard(host)).toEqual(['second', 'third']);
  });

  it('is told first whose word stands behind a command, and again when that changes', async () => {
    const told = (host: TestHost): string[] =>
      host.heard.flatMap((message) => (message.case === 'signers' ? [signersIn(message.value)] : []));
    ingest.policies.tell({ tenantId: 'default', signed: signedPolicy('a policy') });
    const { host } = await ingest.connectKnown();
    await host.until(() => policiesHeard(host).length === 1);
    expect(host.heard[0]?.case).toBe('signers');
    expect(told(host)).toEqual(['detection first']);
    ingest.signers.change('second');
    await host.until(() => told(host).length === 2);
    expect(told(host).at(-1)).toBe('detection second');
  });

  it('is sent none when its tenant has none', async () => {
    ingest.policies.tell({ tenantId: 'other', signed: signedPolicy('foreign') });
    const { host } = await ingest.connectKnown();
    await host.untilAcked(host.sendBatch(aBatch()));
    expect(policiesHeard(host)).toEqual([]);
  });

  it('is acked when Kafka has its batch, keyed by its certificate', async () => {
    const { host, identity } = await ingest.connectKnown();
    const batch = aBatch({ traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-00` });
    await host.untilAcked(host.sendBatch(batch));
    const [record] = ingest.producer.of('raw');
    expect(record?.key).toBe(`default:${identity.hostId}`);
    expect(record?.headers).toMatchObject({ tenant: 'default', host: identity.hostId, schema: '1' });
    expect(record?.headers.traceparent).toBe(`00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`);
    expect(Buffer.from(record?.value ?? []).equals(batch)).toBe(true);
  });

  it('is not acked while Kafka has not', async () => {
    const { host } = await ingest.connectKnown();
    ingest.producer.hold();
    host.sendBatch(aBatch());
    host.sendBatch(aBatch({ schemaVersion: 99 }));
    await host.until(() => host.refusals().length === 1);
    expect(host.acked()).toBe(0n);
    ingest.producer.release();
    await host.untilAcked(2n);
  });

  it('keeps the order of its batches when Kafka refuses some sends', async () => {
    const { host } = await ingest.connectKnown();
    ingest.producer.failures = 3;
    for (let seq = 1n; seq <= 20n; seq++) host.sendBatch(aBatch({ batchSeq: seq }));
    await host.untilAcked(20n);
    const order = ingest.producer.of('raw').map(({ value }) => fromBinary(event.EventBatchSchema, value).batchSeq);
    expect(order).toEqual(Array.from({ length: 20 }, (_, index) => BigInt(index + 1)));
  });

  it('is answered with a code for what is refused, and goes on', async () => {
    const { host } = await ingest.connectKnown();
    host.sendBatch(aBatch().subarray(0, 100));
    host.sendBatch(aBatch({ columns: new Uint8Array(batchBytesMax) }));
    host.sendBatch(aBatch({ columnsSize: 5 * 1024 * 1024 }));
    host.sendBatch(aBatch({ eventCount: 65_536 }));
    host.sendBatch(aBatch({ lineage: new Uint8Array(4) }));
    host.sendBatch(aBatch({ enrichment: create(event.BatchEnrichmentSchema) }));
    host.sendBatch(aBatch({ schemaVersion: 2 }));
    host.send({ case: undefined });
    await host.untilAcked(host.sendBatch(aBatch()));
    const codes = ['batch_malformed', 'batch_too_large', 'batch_too_large', 'batch_too_large', 'batch_foreign'];
    expect(host.refusals()).toEqual([...codes, 'batch_foreign', 'schema_unknown', 'message_unknown']);
    expect(ingest.producer.of('raw')).toHaveLength(1);
    expect(ingest.producer.of('deadLetter').map(({ headers }) => headers.code)).toEqual(host.refusals());
    expect(ingest.producer.of('deadLetter').every(({ value }) => value.byteLength <= 64 * 1024)).toBe(true);
  });

  it('is cut off when a message is far too large to be read', async () => {
    const { host } = await ingest.connectKnown();
    host.sendBatch(aBatch({ columns: new Uint8Array(batchBytesMax + 2 * 1024 * 1024) }));
    expect((await host.ended)?.code).toBe(status.RESOURCE_EXHAUSTED);
    expect(ingest.producer.records).toEqual([]);
  });

  it('is cut off when a message is missing in between', async () => {
    const { host } = await ingest.connectKnown();
    host.sendBatch(aBatch(), 1n);
    host.sendBatch(aBatch(), 3n);
    expect((await host.ended)?.details).toMatch(/^sequence_hole/);
  });

  it('has everything it sent acked before its call ends', async () => {
    const { host } = await ingest.connectKnown();
    for (let seq = 1n; seq <= 50n; seq++) host.sendBatch(aBatch({ batchSeq: seq }));
    expect(await host.finish()).toBeUndefined();
    expect(host.acked()).toBe(50n);
  });

  it('cannot speak for another host in an outcome', async () => {
    const { host, identity } = await ingest.connectKnown();
    const outcome = create(action.OutcomeSchema, { commandId: 'c', tenantId: 'other', hostId: 'host-other' });
    await host.untilAcked(host.send({ case: 'outcome', value: outcome }));
    const stored = fromBinary(action.OutcomeSchema, ingest.producer.of('outcomes')[0]?.value ?? new Uint8Array());
    expect([stored.tenantId, stored.hostId]).toEqual(['default', identity.hostId]);
  });

  it('has its outcome in the trace of the command, and what is no trace context nowhere', async () => {
    const { host } = await ingest.connectKnown();
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    for (const said of [traceparent, 'x'.repeat(100_000)]) {
      const outcome = create(action.OutcomeSchema, { commandId: 'c', traceparent: said });
      await host.untilAcked(host.send({ case: 'outcome', value: outcome }));
    }
    const [traced, untraced] = ingest.producer.of('outcomes');
    expect(traced?.headers.traceparent).toContain('a'.repeat(32));
    expect(untraced?.headers.traceparent).toBeUndefined();
  });

  it('has its facts in Kafka each time and in the control plane at once the first time', async () => {
    const { host, identity } = await ingest.connectKnown();
    for (const hostname of ['one', 'two', 'three']) {
      host.send({ case: 'facts', value: create(event.HostFactsSchema, { hostname }) });
    }
    await host.untilAcked(3n);
    expect(ingest.producer.of('facts')).toHaveLength(3);
    expect(ingest.registry.saved).toEqual([{ hostId: identity.hostId, facts: { hostname: 'one' } }]);
  });

  it('can not become a container, which may go without a word', async () => {
    const { host, identity } = await ingest.connectKnown();
    const said = (facts: MessageInitShape<typeof event.HostFactsSchema>): bigint =>
      host.send({ case: 'facts', value: create(event.HostFactsSchema, facts) });
    said({ hostname: 'one', ended: true });
    said({ hostname: 'two', containerId: 'c'.repeat(64) });
    await host.untilAcked(said({ hostname: 'three' }));
    expect(host.refusals()).toEqual(['facts_foreign', 'facts_foreign']);
    expect(ingest.registry.saved).toEqual([{ hostId: identity.hostId, facts: { hostname: 'three' } }]);
  });

  it('is one container for good, by its whole id, and ends as that', async () => {
    const identity = await ingest.known({}, { inside: true });
    const host = ingest.connect(identity);
    const said = (facts: MessageInitShape<typeof event.HostFactsSchema>): bigint =>
      host.send({ case: 'facts', value: create(event.HostFactsSchema, facts) });
    said({ ended: true });
    said({ containerId: '<img src=x>' });
    said({ containerId: 'C'.repeat(64) });
    await host.untilAcked(said({ containerId: 'c'.repeat(64) }));
    await host.untilAcked(said({ containerId: 'd'.repeat(64) }));
    expect(host.refusals()).toEqual(Array(4).fill('facts_foreign'));
    expect(ingest.registry.saved.map(({ facts }) => facts)).toEqual([{ containerId: 'c'.repeat(64) }]);
  });

  it('has so many of its refused messages kept, and all answered', async () => {
    const { host } = await ingest.connectKnown();
    const { most } = limits.deadLettersPerHost;
    let last = 0n;
    for (let i = 0; i < most + 20; i += 1) last = host.sendBatch(new Uint8Array([255]));
    await host.untilAcked(last);
    expect(host.refusals()).toHaveLength(most + 20);
    expect(ingest.producer.of('deadLetter')).toHaveLength(most);
  });

  it('that enrolled as one says which, and that it has ended', async () => {
    const identity = await ingest.known({}, { inside: true });
    const host = ingest.connect(identity);
    const facts = { containerId: 'c'.repeat(64), ended: true };
    await host.untilAcked(host.send({ case: 'facts', value: create(event.HostFactsSchema, facts) }));
    expect([host.refusals(), ingest.registry.saved]).toEqual([[], [{ hostId: identity.hostId, facts }]]);
  });

  it('loses its older connection when it connects again', async () => {
    const { host, identity } = await ingest.connectKnown();
    await host.untilAcked(host.sendBatch(aBatch()));
    const again = ingest.connect(identity);
    await again.untilAcked(again.sendBatch(aBatch()));
    expect((await host.ended)?.code).toBe(status.ABORTED);
  });

  it('is told at once when it was superseded while it connected, whichever of the two is admitted first', async () => {
    const { identity, host: first } = await ingest.connectKnown();
    await first.untilAcked(first.sendBatch(aBatch()));
    const asking = Promise.withResolvers<unknown>();
    ingest.registry.answering = asking.promise;
    // What is remembered of the host is old by then.
    await new Promise((resolve) => setTimeout(resolve, limits.admissionCacheMs));
    const others = [ingest.connect(identity), ingest.connect(identity)];
    for (const other of others) other.sendBatch(aBatch());
    await until(() => ingest.registry.asked >= 3);
    asking.resolve(undefined);
    const ends = await Promise.race([
      Promise.all(others.map(({ ended }) => ended)).then(() => 'both ended'),
      Promise.any(others.map(async (other) => (await other.ended)?.details)),
    ]);
    expect(ends).toMatch(/^superseded/);
    expect((await first.ended)?.details).toMatch(/^superseded/);
  });

  it('gets the commands of its tenant and host, and no others', async () => {
    const { host, identity } = await ingest.connectKnown();
    await host.untilAcked(host.sendBatch(aBatch()));
    const { tenantId, hostId } = identity;
    const signed = (id: string) =>
      signCommand(create(action.CommandSchema, { id }), ingest.secrets.commandPrivateKeyPem);
    ingest.commands.deliver({ tenantId: 'other', hostId, signed: signed('1') });
    ingest.commands.deliver({ tenantId, hostId: 'host-ffffffffffffffff', signed: signed('2') });
    ingest.commands.deliver({ tenantId, hostId, signed: signed('3') });
    const isCommand = (message: { case: string | undefined }) => message.case === 'command';
    await host.until(() => host.heard.some(isCommand));
    const heard = host.heard.filter(isCommand).map((message) => message.value as action.SignedCommand);
    expect(heard.map(({ command }) => fromBinary(action.CommandSchema, command).id)).toEqual(['3']);
  });
});

describe('who may connect', () => {
  it('is nobody with a certificate of another authority', async () => {
    const foreign = await issueIdentity(await makeSecrets());
    ingest.registry.hosts.set(`default:${foreign.hostId}`, { isRevoked: false, inside: false });
    const host = ingest.connect(foreign);
    host.sendBatch(aBatch());
    expect((await host.ended)?.code).toBe(status.UNAVAILABLE);
    expect(ingest.producer.records).toEqual([]);
  });

  it('is no host that is unknown to its tenant, and the refusal is audited', async () => {
    const { hostId } = await issueIdentity(ingest.secrets);
    ingest.registry.hosts.set(`default:${hostId}`, { isRevoked: false, inside: false });
    const host = ingest.connect(await issueIdentity(ingest.secrets, { tenantId: 'other', hostId }));
    expect((await host.ended)?.code).toBe(status.PERMISSION_DENIED);
    expect(ingest.registry.audits).toMatchObject([
      { tenantId: 'other', action: 'certificate.refused', subject: hostId },
    ]);
  });

  it('is no host that was revoked, also with a certificate that was issued later', async () => {
    const revoked = await issueIdentity(ingest.secrets, { now: new Date(Date.now() - 3_600_000) });
    ingest.registry.hosts.set(`default:${revoked.hostId}`, { isRevoked: true, inside: false });
    expect((await ingest.connect(revoked).ended)?.details).toMatch(/^certificate_revoked/);
    expect(ingest.registry.audits).toMatchObject([{ details: { code: 'certificate_revoked' } }]);
    const later = ingest.connect(await issueIdentity(ingest.secrets, { hostId: revoked.hostId }));
    expect((await later.ended)?.details).toMatch(/^certificate_revoked/);
  });

  it('is nobody without a certificate', async () => {
    const host = ingest.connect(undefined);
    host.sendBatch(aBatch());
    expect((await host.ended)?.code).toBe(status.UNAVAILABLE);
    expect(ingest.producer.records).toEqual([]);
  });
});

describe('a certificate is renewed', () => {
  it('for a host, and told to the trail', async () => {
    const { host } = await ingest.connectKnown();
    expect((await host.renew()).certificate).toMatch(/^-----BEGIN CERTIFICATE-----/);
    expect(ingest.registry.audits).toMatchObject([{ action: 'certificate.renewed' }]);
  });

  it('for none that was revoked a moment ago, though it is connected still', async () => {
    const { host, identity } = await ingest.connectKnown();
    await host.untilAcked(host.sendBatch(aBatch()));
    ingest.registry.hosts.set(`default:${identity.hostId}`, { isRevoked: true, inside: false });
    await expect(host.renew()).rejects.toMatchObject({ details: expect.stringMatching(/^certificate_revoked/) });
    ingest.registry.hosts.delete(`default:${identity.hostId}`);
    await expect(host.renew()).rejects.toMatchObject({ details: expect.stringMatching(/^host_unknown/) });
  });

  it('not without end, for one host', async () => {
    const [{ host }, { host: other }] = [await ingest.connectKnown(), await ingest.connectKnown()];
    for (let i = 0; i < limits.certificatesPerHost.most; i += 1) await host.renew();
    await expect(host.renew()).rejects.toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      details: expect.stringMatching(/^certificates_exhausted/),
    });
    await other.renew();
    expect(ingest.registry.audits).toHaveLength(limits.certificatesPerHost.most + 1);
  });
});

describe('while it closes', () => {
  it('does not ask a control plane that closes too, and does not complain of what it asked before', async () => {
    const errors = jest.spyOn(ingest.logger, 'error');
    const away = Promise.withResolvers<unknown>();
    ingest.registry.answering = away.promise;
    const { identity, host: waiting } = await ingest.connectKnown();
    waiting.sendBatch(aBatch());
    await until(() => ingest.registry.asked === 1);
    const closed = Promise.withResolvers<unknown>();
    ingest.commands.closing = closed.promise;
    const closing = ingest.server.close();
    away.reject(new Error('The fake control plane has closed'));
    const late = ingest.connect(identity);
    late.sendBatch(aBatch());
    expect((await late.ended)?.code).toBe(status.UNAVAILABLE);
    expect((await waiting.ended)?.code).toBe(status.UNAVAILABLE);
    closed.resolve(undefined);
    await closing;
    expect(ingest.registry.asked).toBe(1);
    expect(errors).not.toHaveBeenCalled();
  });
});
