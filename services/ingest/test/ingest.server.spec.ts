// Ingest over real gRPC with real certificates; only Kafka, PostgreSQL and the command feed are fakes.
import { sign } from 'node:crypto';
import { connect as connectTls } from 'node:tls';
import { create, fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { Client, credentials, status } from '@grpc/grpc-js';
import { action, agent, enrolmentServiceDefinition, event, policy } from '@norn/contracts';
import { signCommand } from '@norn/response';
import { createLogger } from '@norn/telemetry';
import { Authority } from '../src/enrolment/authority.ts';
import { IngestServer } from '../src/ingest.server.ts';
import { limits } from '../src/limits.ts';
import { FakeCommands, FakePolicies, FakeProducer, FakeRegistry, FakeSigners } from './fakes.ts';
import { type HostIdentity, issueIdentity, makeRequest, makeSecrets, type TestSecrets } from './test-authority.ts';
import { TestHost, aBatch } from './test-host.ts';

const batchBytesMax = 64 * 1024;
const logger = createLogger('ingest-test');
logger.level = 'silent';

let secrets: TestSecrets;
let producer: FakeProducer;
let registry: FakeRegistry;
let commands: FakeCommands;
let policies: FakePolicies;
let signers: FakeSigners;
let server: IngestServer;
const hosts: TestHost[] = [];

async function startServer(tenantEventsPerSecondMax = 1_000_000): Promise<void> {
  producer = new FakeProducer();
  registry = new FakeRegistry();
  commands = new FakeCommands();
  policies = new FakePolicies();
  signers = new FakeSigners();
  const config = { agentHost: '127.0.0.1', ingestPort: 0, enrolPort: 0, batchBytesMax, tenantEventsPerSecondMax };
  const authority = await Authority.open(secrets);
  server = new IngestServer({ config, secrets, authority, registry, producer, commands, policies, signers, logger });
  await server.start();
}

function connect(identity: HostIdentity | undefined): TestHost {
  const host = new TestHost({ port: server.ports.ingest, authorityPem: secrets.authorityCertPem, identity });
  hosts.push(host);
  return host;
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function connectKnown() {
  const identity = await issueIdentity(secrets);
  registry.hosts.set(`${identity.tenantId}:${identity.hostId}`, { revokedBefore: null, inside: false });
  return { identity, host: connect(identity) };
}

beforeAll(async () => {
  secrets = await makeSecrets();
});

beforeEach(async () => {
  await startServer();
});

afterEach(async () => {
  for (const host of hosts.splice(0)) host.close();
  await server.close();
});

const signedPolicy = (text: string): policy.SignedPolicy =>
  create(policy.SignedPolicySchema, { policy: new TextEncoder().encode(text) });
const signersIn = ({ keys }: agent.SignerKeys): string =>
  keys.map(({ signer, publicKey }) => `${signer} ${publicKey}`).join();
const policiesHeard = (host: TestHost): string[] =>
  host.heard.flatMap((message) => (message.case === 'policy' ? [new TextDecoder().decode(message.value.policy)] : []));

describe('a connected host', () => {
  it('is sent the newest policy of its tenant when it connects and when it changes, and no other', async () => {
    policies.tell({ tenantId: 'default', signed: signedPolicy('first') });
    policies.tell({ tenantId: 'default', signed: signedPolicy('second') });
    policies.tell({ tenantId: 'other', signed: signedPolicy('foreign') });
    const { host } = await connectKnown();
    await host.until(() => policiesHeard(host).length === 1);
    policies.tell({ tenantId: 'other', signed: signedPolicy('foreign again') });
    policies.tell({ tenantId: 'default', signed: signedPolicy('third') });
    await host.until(() => policiesHeard(host).length === 2);
    expect(policiesHeard(host)).toEqual(['second', 'third']);
  });

  it('is told first whose word stands behind a command, and again when that changes', async () => {
    const told = (host: TestHost): string[] =>
      host.heard.flatMap((message) => (message.case === 'signers' ? [signersIn(message.value)] : []));
    policies.tell({ tenantId: 'default', signed: signedPolicy('a policy') });
    const { host } = await connectKnown();
    await host.until(() => policiesHeard(host).length === 1);
    expect(host.heard[0]?.case).toBe('signers');
    expect(told(host)).toEqual(['detection first']);
    signers.change('second');
    await host.until(() => told(host).length === 2);
    expect(told(host).at(-1)).toBe('detection second');
  });

  it('is sent none when its tenant has none', async () => {
    policies.tell({ tenantId: 'other', signed: signedPolicy('foreign') });
    const { host } = await connectKnown();
    await host.untilAcked(host.sendBatch(aBatch()));
    expect(policiesHeard(host)).toEqual([]);
  });

  it('is acked when Kafka has its batch, keyed by its certificate', async () => {
    const { host, identity } = await connectKnown();
    const batch = aBatch({ traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-00` });
    await host.untilAcked(host.sendBatch(batch));
    const [record] = producer.of('raw');
    expect(record?.key).toBe(`default:${identity.hostId}`);
    expect(record?.headers).toMatchObject({ tenant: 'default', host: identity.hostId, schema: '1' });
    expect(record?.headers.traceparent).toBe(`00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`);
    expect(Buffer.from(record?.value ?? []).equals(batch)).toBe(true);
  });

  it('is not acked while Kafka has not', async () => {
    const { host } = await connectKnown();
    producer.hold();
    host.sendBatch(aBatch());
    host.sendBatch(aBatch({ schemaVersion: 99 }));
    await host.until(() => host.refusals().length === 1);
    expect(host.acked()).toBe(0n);
    producer.release();
    await host.untilAcked(2n);
  });

  it('keeps the order of its batches when Kafka refuses some sends', async () => {
    const { host } = await connectKnown();
    producer.failures = 3;
    for (let seq = 1n; seq <= 20n; seq++) host.sendBatch(aBatch({ batchSeq: seq }));
    await host.untilAcked(20n);
    const order = producer.of('raw').map(({ value }) => fromBinary(event.EventBatchSchema, value).batchSeq);
    expect(order).toEqual(Array.from({ length: 20 }, (_, index) => BigInt(index + 1)));
  });

  it('is answered with a code for what is refused, and goes on', async () => {
    const { host } = await connectKnown();
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
    expect(producer.of('raw')).toHaveLength(1);
    expect(producer.of('deadLetter').map(({ headers }) => headers.code)).toEqual(host.refusals());
    expect(producer.of('deadLetter').every(({ value }) => value.byteLength <= 64 * 1024)).toBe(true);
  });

  it('is cut off when a message is far too large to be read', async () => {
    const { host } = await connectKnown();
    host.sendBatch(aBatch({ columns: new Uint8Array(batchBytesMax + 2 * 1024 * 1024) }));
    expect((await host.ended)?.code).toBe(status.RESOURCE_EXHAUSTED);
    expect(producer.records).toEqual([]);
  });

  it('is cut off when a message is missing in between', async () => {
    const { host } = await connectKnown();
    host.sendBatch(aBatch(), 1n);
    host.sendBatch(aBatch(), 3n);
    expect((await host.ended)?.details).toMatch(/^sequence_hole/);
  });

  it('has everything it sent acked before its call ends', async () => {
    const { host } = await connectKnown();
    for (let seq = 1n; seq <= 50n; seq++) host.sendBatch(aBatch({ batchSeq: seq }));
    expect(await host.finish()).toBeUndefined();
    expect(host.acked()).toBe(50n);
  });

  it('cannot speak for another host in an outcome', async () => {
    const { host, identity } = await connectKnown();
    const outcome = create(action.OutcomeSchema, { commandId: 'c', tenantId: 'other', hostId: 'host-other' });
    await host.untilAcked(host.send({ case: 'outcome', value: outcome }));
    const stored = fromBinary(action.OutcomeSchema, producer.of('outcomes')[0]?.value ?? new Uint8Array());
    expect([stored.tenantId, stored.hostId]).toEqual(['default', identity.hostId]);
  });

  it('has its outcome in the trace of the command, and what is no trace context nowhere', async () => {
    const { host } = await connectKnown();
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    for (const said of [traceparent, 'x'.repeat(100_000)]) {
      const outcome = create(action.OutcomeSchema, { commandId: 'c', traceparent: said });
      await host.untilAcked(host.send({ case: 'outcome', value: outcome }));
    }
    const [traced, untraced] = producer.of('outcomes');
    expect(traced?.headers.traceparent).toContain('a'.repeat(32));
    expect(untraced?.headers.traceparent).toBeUndefined();
  });

  it('has its facts in Kafka each time and in the control plane at once the first time', async () => {
    const { host, identity } = await connectKnown();
    for (const hostname of ['one', 'two', 'three']) {
      host.send({ case: 'facts', value: create(event.HostFactsSchema, { hostname }) });
    }
    await host.untilAcked(3n);
    expect(producer.of('facts')).toHaveLength(3);
    expect(registry.saved).toEqual([{ hostId: identity.hostId, facts: { hostname: 'one' } }]);
  });

  it('can not become a container, which may go without a word', async () => {
    const { host, identity } = await connectKnown();
    const said = (facts: MessageInitShape<typeof event.HostFactsSchema>): bigint =>
      host.send({ case: 'facts', value: create(event.HostFactsSchema, facts) });
    said({ hostname: 'one', ended: true });
    said({ hostname: 'two', containerId: 'c'.repeat(64) });
    await host.untilAcked(said({ hostname: 'three' }));
    expect(host.refusals()).toEqual(['facts_foreign', 'facts_foreign']);
    expect(registry.saved).toEqual([{ hostId: identity.hostId, facts: { hostname: 'three' } }]);
  });

  it('that enrolled as one says which, and that it has ended', async () => {
    const identity = await issueIdentity(secrets);
    registry.hosts.set(`default:${identity.hostId}`, { revokedBefore: null, inside: true });
    const host = connect(identity);
    const facts = { containerId: 'c'.repeat(64), ended: true };
    await host.untilAcked(host.send({ case: 'facts', value: create(event.HostFactsSchema, facts) }));
    expect([host.refusals(), registry.saved]).toEqual([[], [{ hostId: identity.hostId, facts }]]);
  });

  it('loses its older connection when it connects again', async () => {
    const { host, identity } = await connectKnown();
    await host.untilAcked(host.sendBatch(aBatch()));
    const again = connect(identity);
    await again.untilAcked(again.sendBatch(aBatch()));
    expect((await host.ended)?.code).toBe(status.ABORTED);
  });

  it('is told at once when it was superseded while it connected, whichever of the two is admitted first', async () => {
    const { identity, host: first } = await connectKnown();
    await first.untilAcked(first.sendBatch(aBatch()));
    const asking = Promise.withResolvers<unknown>();
    registry.answering = asking.promise;
    // What is remembered of the host is old by then.
    await new Promise((resolve) => setTimeout(resolve, limits.admissionCacheMs));
    const others = [connect(identity), connect(identity)];
    for (const other of others) other.sendBatch(aBatch());
    await until(() => registry.asked >= 3);
    asking.resolve(undefined);
    const ends = await Promise.race([
      Promise.all(others.map(({ ended }) => ended)).then(() => 'both ended'),
      Promise.any(others.map(async (other) => (await other.ended)?.details)),
    ]);
    expect(ends).toMatch(/^superseded/);
    expect((await first.ended)?.details).toMatch(/^superseded/);
  });

  it('gets the commands of its tenant and host, and no others', async () => {
    const { host, identity } = await connectKnown();
    await host.untilAcked(host.sendBatch(aBatch()));
    const { tenantId, hostId } = identity;
    const signed = (id: string) => signCommand(create(action.CommandSchema, { id }), secrets.commandPrivateKeyPem);
    commands.deliver({ tenantId: 'other', hostId, signed: signed('1') });
    commands.deliver({ tenantId, hostId: 'host-ffffffffffffffff', signed: signed('2') });
    commands.deliver({ tenantId, hostId, signed: signed('3') });
    const isCommand = (message: { case: string | undefined }) => message.case === 'command';
    await host.until(() => host.heard.some(isCommand));
    const heard = host.heard.filter(isCommand).map((message) => message.value as action.SignedCommand);
    expect(heard.map(({ command }) => fromBinary(action.CommandSchema, command).id)).toEqual(['3']);
  });
});

describe('a tenant over its quota', () => {
  beforeEach(async () => {
    await server.close();
    await startServer(1000);
  });

  it('is told to wait, and nothing behind the throttled batch is taken before it', async () => {
    const { host } = await connectKnown();
    const aBurst = 65_535;
    host.sendBatch(aBatch({ batchSeq: 1n, eventCount: aBurst }));
    host.sendBatch(aBatch({ batchSeq: 2n, eventCount: 60 }));
    host.sendBatch(aBatch({ batchSeq: 3n, eventCount: 1 }));
    const throttles = () => host.heard.flatMap((message) => (message.case === 'throttle' ? [message.value] : []));
    await host.until(() => throttles().length > 0);
    expect(throttles()[0]?.seq).toBe(2n);
    await host.untilAcked(1n);
    expect(producer.of('raw')).toHaveLength(1);
    await new Promise((resolve) => setTimeout(resolve, throttles()[0]?.pauseMs));
    host.sendBatch(aBatch({ batchSeq: 2n, eventCount: 60 }), 2n);
    host.sendBatch(aBatch({ batchSeq: 3n, eventCount: 1 }), 3n);
    await host.untilAcked(2n);
    const order = producer.of('raw').map(({ value }) => fromBinary(event.EventBatchSchema, value).batchSeq);
    expect(order.slice(0, 2)).toEqual([1n, 2n]);
  });

  const outcome: agent.ConnectRequest['message'] = {
    case: 'outcome',
    value: create(action.OutcomeSchema, { commandId: 'c', message: 'x'.repeat(500_000) }),
  };
  const facts: agent.ConnectRequest['message'] = {
    case: 'facts',
    value: create(event.HostFactsSchema, { hostname: 'x'.repeat(500_000) }),
  };
  it.each([
    ['an outcome', outcome, 'outcomes'],
    ['facts', facts, 'facts'],
    ['a batch that is refused', { case: 'batch', value: new Uint8Array(500_000) }, 'deadLetter'],
  ] as const)('has %s metered like a batch', async (_, message, topic) => {
    const { host } = await connectKnown();
    host.sendBatch(aBatch({ eventCount: 65_535 }));
    const seq = host.send(message);
    const throttle = () => host.heard.flatMap((heard) => (heard.case === 'throttle' ? [heard.value] : []))[0];
    await host.until(() => throttle() !== undefined);
    expect(throttle()?.seq).toBe(seq);
    expect(producer.of(topic)).toEqual([]);
    await new Promise((resolve) => setTimeout(resolve, throttle()?.pauseMs));
    await host.untilAcked(host.send(message, seq));
    expect(producer.of(topic)).toHaveLength(1);
  });
});

describe('who may connect', () => {
  it('is nobody with a certificate of another authority', async () => {
    const foreign = await issueIdentity(await makeSecrets());
    registry.hosts.set(`default:${foreign.hostId}`, { revokedBefore: null, inside: false });
    const host = connect(foreign);
    host.sendBatch(aBatch());
    expect((await host.ended)?.code).toBe(status.UNAVAILABLE);
    expect(producer.records).toEqual([]);
  });

  it('is no host that is unknown to its tenant, and the refusal is audited', async () => {
    const { hostId } = await issueIdentity(secrets);
    registry.hosts.set(`default:${hostId}`, { revokedBefore: null, inside: false });
    const host = connect(await issueIdentity(secrets, { tenantId: 'other', hostId }));
    expect((await host.ended)?.code).toBe(status.PERMISSION_DENIED);
    expect(registry.audits).toMatchObject([{ tenantId: 'other', action: 'certificate.refused', subject: hostId }]);
  });

  it('is no host whose certificate was revoked, but the same host with a newer one', async () => {
    const revoked = await issueIdentity(secrets, { now: new Date(Date.now() - 3_600_000) });
    registry.hosts.set(`default:${revoked.hostId}`, { revokedBefore: new Date(Date.now() - 60_000), inside: false });
    expect((await connect(revoked).ended)?.details).toMatch(/^certificate_revoked/);
    expect(registry.audits).toMatchObject([{ details: { code: 'certificate_revoked' } }]);
    const renewed = connect(await issueIdentity(secrets, { hostId: revoked.hostId }));
    await renewed.untilAcked(renewed.sendBatch(aBatch()));
  });

  it('is nobody without a certificate', async () => {
    const host = connect(undefined);
    host.sendBatch(aBatch());
    expect((await host.ended)?.code).toBe(status.UNAVAILABLE);
    expect(producer.records).toEqual([]);
  });
});

describe('while it closes', () => {
  it('does not ask a control plane that closes too, and does not complain of what it asked before', async () => {
    const errors = jest.spyOn(logger, 'error');
    const away = Promise.withResolvers<unknown>();
    registry.answering = away.promise;
    const { identity, host: waiting } = await connectKnown();
    waiting.sendBatch(aBatch());
    await until(() => registry.asked === 1);
    const closed = Promise.withResolvers<unknown>();
    commands.closing = closed.promise;
    const closing = server.close();
    away.reject(new Error('The fake control plane has closed'));
    const late = connect(identity);
    late.sendBatch(aBatch());
    expect((await late.ended)?.code).toBe(status.UNAVAILABLE);
    expect((await waiting.ended)?.code).toBe(status.UNAVAILABLE);
    closed.resolve(undefined);
    await closing;
    expect(registry.asked).toBe(1);
    expect(errors).not.toHaveBeenCalled();
  });
});

describe('enrolment', () => {
  function enrol(request: MessageInitShape<typeof agent.EnrolRequestSchema>): Promise<agent.EnrolResponse> {
    const client = new Client(
      `localhost:${server.ports.enrol}`,
      credentials.createSsl(Buffer.from(secrets.authorityCertPem)),
    );
    const { path, requestSerialize, responseDeserialize } = enrolmentServiceDefinition.enrol;
    const machine = { hostname: 'web-1', machineId: 'm'.repeat(32) };
    const message = create(agent.EnrolRequestSchema, Object.assign(machine, request));
    return new Promise<agent.EnrolResponse>((resolve, reject) => {
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, message, (error, response) => {
        client.close();
        if (error !== null) reject(error);
        else if (response !== undefined) resolve(response);
      });
    });
  }

  it('turns a join token into a certificate that connects', async () => {
    registry.joinTokens.set('token', 'default');
    const { keyPem, requestPem } = await makeRequest();
    const enrolled = await enrol({ joinToken: 'token', certificateRequest: requestPem });
    expect(enrolled.tenantId).toBe('default');
    const host = connect({ keyPem, certificatePem: enrolled.certificate });
    await host.untilAcked(host.sendBatch(aBatch()));
    expect(producer.of('raw')[0]?.key).toBe(`default:${enrolled.hostId}`);
  });

  it('shows its authority, so that a new host can compare it before it trusts', async () => {
    const shown = await new Promise<string | undefined>((resolve, reject) => {
      const to = { host: '127.0.0.1', port: server.ports.enrol, servername: 'localhost', ALPNProtocols: ['h2'] };
      const socket = connectTls({ ...to, rejectUnauthorized: false }, () => {
        resolve(socket.getPeerX509Certificate()?.issuerCertificate?.toString());
        socket.destroy();
      });
      socket.once('error', reject);
    });
    expect(shown?.replace(/\s/g, '')).toBe(secrets.authorityCertPem.replace(/\s/g, ''));
  });

  it('takes a join token once', async () => {
    registry.joinTokens.set('token', 'default');
    const { requestPem } = await makeRequest();
    await enrol({ joinToken: 'token', certificateRequest: requestPem });
    await expect(enrol({ joinToken: 'token', certificateRequest: requestPem })).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringMatching(/^join_token_invalid/),
    });
  });

  /** What a host shows of the certificate it has; `keyPem`: the key that it proves to have. */
  async function proofOf({ certificatePem, keyPem }: HostIdentity) {
    const { keyPem: newKeyPem, requestPem } = await makeRequest();
    const previousProof = sign('sha256', Buffer.from(requestPem), keyPem);
    return {
      newKeyPem,
      request: { certificateRequest: requestPem, previousCertificate: certificatePem, previousProof },
    };
  }

  describe('of who is a host already', () => {
    const longAgo = (days: number): Date => new Date(Date.now() - days * 24 * 3_600_000);

    it('needs no token and keeps the host, weeks after its certificate has expired', async () => {
      const identity = await issueIdentity(secrets, { now: longAgo(100) });
      registry.hosts.set(`default:${identity.hostId}`, { revokedBefore: null, inside: false });
      const { newKeyPem, request } = await proofOf(identity);
      const enrolled = await enrol(request);
      expect([enrolled.tenantId, enrolled.hostId]).toEqual(['default', identity.hostId]);
      const host = connect({ keyPem: newKeyPem, certificatePem: enrolled.certificate });
      await host.untilAcked(host.sendBatch(aBatch()));
      expect(producer.of('raw')[0]?.key).toBe(`default:${identity.hostId}`);
    });

    it('leaves a token that it was given unused', async () => {
      const identity = await issueIdentity(secrets);
      registry.hosts.set(`default:${identity.hostId}`, { revokedBefore: null, inside: false });
      registry.joinTokens.set('token', 'default');
      const { request } = await proofOf(identity);
      expect((await enrol({ ...request, joinToken: 'token' })).hostId).toBe(identity.hostId);
      expect(registry.joinTokens.has('token')).toBe(true);
    });

    it.each([
      [
        'its certificate without its key',
        'certificate_foreign',
        async () => {
          const { certificatePem } = await issueIdentity(secrets);
          return proofOf({ certificatePem, keyPem: (await makeRequest()).keyPem });
        },
      ],
      [
        'a certificate of another authority',
        'certificate_foreign',
        async () => proofOf(await issueIdentity(await makeSecrets())),
      ],
      [
        'the certificate of ingest',
        'certificate_foreign',
        () => proofOf({ certificatePem: secrets.serverCertPem, keyPem: secrets.serverKeyPem }),
      ],
      [
        'what is no certificate',
        'certificate_foreign',
        async () => proofOf({ certificatePem: 'nonsense', keyPem: (await makeRequest()).keyPem }),
      ],
      [
        'one that expired more than a year ago',
        'certificate_expired',
        async () => proofOf(await issueIdentity(secrets, { now: longAgo(400) })),
      ],
      ['one of a host that was removed', 'host_unknown', async () => proofOf(await issueIdentity(secrets))],
      [
        'one that was revoked',
        'certificate_revoked',
        async () => {
          const identity = await issueIdentity(secrets);
          registry.hosts.set(`default:${identity.hostId}`, { revokedBefore: new Date(), inside: false });
          return proofOf(identity);
        },
      ],
    ] as const)('is not for %s; with a token it is another host', async (_, code, make) => {
      const { request } = await make();
      const known = [...registry.hosts.keys()];
      await expect(enrol(request)).rejects.toMatchObject({ details: expect.stringMatching(`^${code}`) });
      registry.joinTokens.set('token', 'default');
      const { hostId } = await enrol({ ...request, joinToken: 'token' });
      expect(known).not.toContain(`default:${hostId}`);
    });

    it('is proven anew for each request', async () => {
      const identity = await issueIdentity(secrets);
      registry.hosts.set(`default:${identity.hostId}`, { revokedBefore: null, inside: false });
      const { request } = await proofOf(identity);
      const { requestPem } = await makeRequest();
      await expect(enrol({ ...request, certificateRequest: requestPem })).rejects.toMatchObject({
        details: expect.stringMatching(/^certificate_foreign/),
      });
    });
  });

  it('makes two hosts of a machine that enrols twice by tokens: what names a machine proves nothing', async () => {
    registry.joinTokens.set('first', 'default').set('second', 'default');
    const { requestPem } = await makeRequest();
    const first = await enrol({ joinToken: 'first', certificateRequest: requestPem });
    const second = await enrol({ joinToken: 'second', certificateRequest: requestPem });
    expect(second.hostId).not.toBe(first.hostId);
  });

  it('does not use a token up for a request whose signature is not its own', async () => {
    registry.joinTokens.set('token', 'default');
    const { requestPem } = await makeRequest();
    const der = Buffer.from(requestPem.replace(/-----.*-----|\s/g, ''), 'base64');
    der[der.length - 1] = (der[der.length - 1] ?? 0) ^ 1;
    const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
    await expect(enrol({ joinToken: 'token', certificateRequest: forged })).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
    });
    expect(registry.joinTokens.has('token')).toBe(true);
  });
});
