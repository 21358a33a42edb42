// From baldur's socket to Kafka and back, through real processes that are killed on the way.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Signer, readSignerKey } from '@norn/config';
import type { BusRecord } from '@norn/bus';
import { action, event, finding, policy } from '@norn/contracts';
import {
  POLICY,
  proveFinding,
  provenFindings,
  publicKeyPemOf,
  signCommand,
  signForPerson,
  signedHostPolicy,
} from '@norn/response';
import { AuditEntry, Host } from '@norn/store';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { FakeBaldur } from './fake-baldur.ts';
import { type Link, type PartProcess, startLink } from './link.ts';

let link: Link;
let ingest: PartProcess;
let tyr: PartProcess;
let baldur: FakeBaldur;

beforeAll(async () => {
  link = await startLink();
  ingest = await link.startIngest();
  tyr = link.startTyr();
  baldur = new FakeBaldur(link.socket);
  baldur.start();
});

afterAll(async () => {
  baldur.close();
  await tyr.kill('SIGTERM');
  await ingest.kill('SIGTERM');
  await link.close();
});

/** In the order of the topic; one host after the other, for two may be in two partitions. */
async function storedSeqs(): Promise<bigint[]> {
  const ofHosts = [...Map.groupBy(await link.records('raw'), ({ key }) => key).values()];
  const beganAt = ([first]: readonly BusRecord[]): number => Number(first?.headers['received_at'] ?? 0);
  const records = ofHosts.toSorted((one, other) => beganAt(one) - beganAt(other)).flat();
  const batches = records.map(({ value }) => fromBinary(event.EventBatchSchema, value));
  const own = batches.filter(({ streamId }) => Buffer.from(streamId).equals(Buffer.from(baldur.streamId)));
  return own.map(({ batchSeq }) => batchSeq);
}

async function until<T>(read: () => Promise<T>, isIt: (value: T) => boolean): Promise<T> {
  const deadline = performance.now() + 90_000;
  for (;;) {
    const value = await read();
    if (isIt(value)) return value;
    if (performance.now() > deadline) throw new Error('It has not become so');
    await sleep(100);
  }
}

/** Every batch from 1 to the last is there, and nothing comes before what preceded it. */
function expectCompleteInOrder(seqs: readonly bigint[], last: bigint): void {
  const firstSeen = [...new Set(seqs)];
  expect(firstSeen).toEqual(Array.from({ length: Number(last) }, (_, index) => BigInt(index + 1)));
}

function outcomesOf(commandId: string): Promise<action.Outcome[]> {
  return link
    .records('outcomes')
    .then((records) => records.map(({ value }) => fromBinary(action.OutcomeSchema, value)))
    .then((outcomes) => outcomes.filter((outcome) => outcome.commandId === commandId));
}

const newId = () => randomBytes(16).toString('hex');

function aCommand(change: Partial<action.Command> & { tenantId: string; hostId: string }): action.Command {
  const nowUs = BigInt(Date.now()) * 1000n;
  const command = create(action.CommandSchema, {
    id: newId(),
    alertId: newId(),
    issuedAtUs: nowUs,
    expiresAtUs: nowUs + 60_000_000n,
    epoch: 1n,
    requestedBy: 'ada',
    action: { case: 'restore', value: {} },
  });
  return Object.assign(command, change);
}

async function dispatch(signed: action.SignedCommand): Promise<void> {
  const { tenantId, hostId } = await link.identity();
  const value = toBinary(action.SignedCommandSchema, signed);
  await link.producer.send('commands', [{ key: `${tenantId}:${hostId}`, value, headers: {} }]);
}

it('a host enrols once, keeps its secrets to itself, and its batches reach Kafka under its name', async () => {
  const { hostId } = await link.identity();
  const last = baldur.sendBatches(100);
  await baldur.untilAcked(last);
  const records = await until(
    () => link.records('raw'),
    (all) => all.length >= 100,
  );
  expect(new Set(records.map(({ key }) => key))).toEqual(new Set([`default:${hostId}`]));
  expectCompleteInOrder(await storedSeqs(), last);
  const host = await link.control.manager.findOneByOrFail(Host, { id: hostId });
  expect(host.tenantId).toBe('default');
  const modes = ['identity.json', 'commands.log'].map((name) =>
    (statSync(`${link.agentDir}/${name}`).mode & 0o777).toString(8),
  );
  expect(modes).toEqual(['600', '600']);
  expect((await baldur.untilHeard('policy')).value).toMatchObject({
    ransomware: 3,
    fileless: 3,
    miner: 3,
    reverseShell: 3,
  });
});

it('tells the control plane of the host, and baldur of its containers', async () => {
  const { hostId } = await link.identity();
  const host = await until(
    () => link.control.manager.findOneByOrFail(Host, { id: hostId }),
    ({ facts }) => facts !== null,
  );
  expect(host.lastSeenAt).not.toBeNull();
  const facts = JSON.stringify(host.facts);
  expect(facts).toContain('agent.limits');
  expect(facts).toContain('There is no socket');
  expect((await link.records('facts')).length).toBeGreaterThan(0);
  await baldur.untilHeard('facts');
});

it('loses nothing and keeps the order when ingest is killed while batches flow', async () => {
  let last = 0n;
  for (let round = 0; round < 40; round++) {
    last = baldur.sendBatches(50);
    if (round === 10) await ingest.kill('SIGKILL');
    if (round === 30) ingest = await link.startIngest();
    await sleep(20);
  }
  const seqs = await until(storedSeqs, (all) => all.includes(last));
  expectCompleteInOrder(seqs, last);
  await baldur.untilAcked(last);
});

it('loses nothing and keeps the order when tyr is killed while the installation is away', async () => {
  await ingest.kill('SIGKILL');
  let last = 0n;
  for (let round = 0; round < 60; round++) {
    last = baldur.sendBatches(50);
    if (round === 20 || round === 40) {
      await tyr.kill('SIGKILL');
      tyr = link.startTyr();
    }
    await sleep(60);
  }
  await baldur.untilAcked(last);
  ingest = await link.startIngest();
  const seqs = await until(storedSeqs, (all) => all.includes(last));
  expectCompleteInOrder(seqs, last);
});

it('loses nothing when the broker is killed', async () => {
  baldur.sendBatches(200);
  await link.kafka.kill();
  const last = baldur.sendBatches(500);
  await link.kafka.restart();
  const seqs = await until(storedSeqs, (all) => all.includes(last));
  expectCompleteInOrder(seqs, last);
});

/** As the API signs what a person asks for. */
function asked(command: action.Command, key = link.secrets.commandPrivateKeyPem): action.SignedCommand {
  return signForPerson(signCommand(command, key), keyOf('api'));
}

const keyOf = (signer: Signer) => readSignerKey(link.file('secrets'), signer);

it('gives baldur a command once, and refuses it the second time', async () => {
  const names = await link.identity();
  const command = aCommand(names);
  const signed = asked(command);
  await until(
    async () => {
      await dispatch(signed); // Again until it is delivered: what is not connected is not reached.
      return baldur.commands().filter(({ id }) => id === command.id);
    },
    (given) => given.length > 0,
  );
  await dispatch(signed);
  const outcomes = await until(
    () => outcomesOf(command.id),
    (all) => all.some(({ code }) => code === 'replayed'),
  );
  expect(outcomes[0]).toMatchObject({ state: action.OutcomeState.DELIVERED, code: 'ok', ...names });
  expect(baldur.commands().filter(({ id }) => id === command.id)).toHaveLength(1);
});

it('refuses what is forged, expired, or for another host or tenant, and says why', async () => {
  const names = await link.identity();
  const otherKey = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  expect(publicKeyPemOf(otherKey)).not.toBe(link.secrets.commandPublicKeyPem);
  const own = link.secrets.commandPrivateKeyPem;
  const cases: [string, action.Command, string][] = [
    ['bad_signature', aCommand(names), otherKey],
    ['expired', aCommand({ ...names, expiresAtUs: 1n }), own],
    ['wrong_host', aCommand({ ...names, hostId: 'host-0000000000000000' }), own],
    ['wrong_tenant', aCommand({ ...names, tenantId: 'other' }), own],
  ];
  for (const [code, command, key] of cases) {
    await dispatch(asked(command, key));
    const [outcome] = await until(
      () => outcomesOf(command.id),
      (all) => all.length > 0,
    );
    expect(outcome).toMatchObject({ state: action.OutcomeState.REFUSED, code });
    expect(baldur.commands().some(({ id }) => id === command.id)).toBe(false);
  }
});

describe("a policy's command", () => {
  const found = (names: { tenantId: string; hostId: string }, by: Signer): finding.Finding => {
    const uids = { processUid: randomBytes(16), scopeUid: randomBytes(16) };
    const made = create(finding.FindingSchema, { id: newId(), ...names, ...uids, severity: finding.Severity.CRITICAL });
    return { ...made, proof: proveFinding(made, keyOf(by)) };
  };
  const about = (each: finding.Finding, change: Partial<action.Command> = {}): action.Command => {
    const { tenantId, hostId, id, scopeUid } = each;
    const findings = provenFindings([each], { findingIds: [id], scopeUids: [] });
    const names = { tenantId, hostId, requestedBy: POLICY, findingIds: [id], scopeUids: [scopeUid], findings };
    return aCommand({ ...names, ...change });
  };

  it('reaches baldur for a finding of its host that detection signed for', async () => {
    const command = about(found(await link.identity(), 'detection'));
    await dispatch(signCommand(command, link.secrets.commandPrivateKeyPem));
    await until(
      () => Promise.resolve(baldur.commands().filter(({ id }) => id === command.id)),
      (given) => given.length === 1,
    );
  });

  it('is refused for an attack that never happened, whoever holds the key of commands, and so is a person who never asked', async () => {
    const names = await link.identity();
    const true_ = found(names, 'detection');
    const cases: [string, action.Command][] = [
      ['finding_unproven', about(true_, { findings: [], findingIds: [] })],
      ['finding_unproven', about(found(names, 'api'))],
      ['finding_unproven', about(true_, { scopeUids: [randomBytes(16)] })],
      ['finding_unproven', about(found({ ...names, hostId: 'host-0000000000000000' }, 'detection'), names)],
      ['person_unproven', about(true_, { requestedBy: 'ada' })],
    ];
    for (const [code, command] of cases) {
      await dispatch(signCommand(command, link.secrets.commandPrivateKeyPem));
      const [outcome] = await until(
        () => outcomesOf(command.id),
        (all) => all.length > 0,
      );
      expect(outcome).toMatchObject({ state: action.OutcomeState.REFUSED, code });
      expect(baldur.commands().some(({ id }) => id === command.id)).toBe(false);
    }
  });
});

describe('the policy of the tenant', () => {
  const body = `policy: shop
rules:
  - { name: a, when: { exec: { Image: /a } }, subjects: { hostGroup: web }, action: deny }
`;
  async function send(epoch: bigint, key = link.secrets.commandPrivateKeyPem): Promise<void> {
    const { tenantId, hostId } = await link.identity();
    const groups = [{ name: 'web', hostIds: [hostId] }];
    const value = signedHostPolicy({ tenantId, epoch, issuedAtUs: 1n, version: 7, body, groups }, key);
    await link.producer.send('policies', [{ key: tenantId, value, headers: {} }]);
  }
  const heard = (): [string, readonly string[]][] =>
    baldur.heard.flatMap((message): [string, readonly string[]][] =>
      message.case === 'hostPolicy' ? [[String(message.value.policy?.epoch), message.value.groups]] : [],
    );
  const untilHeard = (epoch: string) =>
    until(
      () => Promise.resolve(heard()),
      (all) => all.at(-1)?.[0] === epoch,
    );
  const untilFacts = async (isIt: (policy: unknown) => boolean): Promise<unknown> => {
    const { hostId } = await link.identity();
    const read = async () => (await link.control.manager.findOneByOrFail(Host, { id: hostId })).facts;
    return until(
      async () => (await read()) as { policy?: unknown },
      ({ policy }) => isIt(policy),
    );
  };

  it('reaches baldur with the groups of its host, and what baldur says of it the control plane', async () => {
    await send(1n);
    await untilHeard('1');
    await send(2n);
    const { hostId } = await link.identity();
    expect((await untilHeard('2')).at(-1)?.[1]).toEqual([hostId, hostname(), 'web']);
    const said = { state: policy.PolicyState.APPLIED, code: 'ok', epoch: 2n, policy: 'shop', version: 7, denied: 3n };
    baldur.sendPolicyStatus(create(policy.HostPolicyStatusSchema, said));
    await untilFacts((told) => JSON.stringify(told ?? null).includes('POLICY_STATE_APPLIED'));
  });

  it('that is forged or older is refused and told of', async () => {
    const forger = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    for (const [code, sent] of [
      ['bad_signature', () => send(3n, forger)],
      ['fenced', () => send(1n)],
    ] as const) {
      await sent();
      await untilFacts((told) => JSON.stringify(told ?? null).includes(`"code":"${code}"`));
    }
    expect(heard().at(-1)?.[0]).toBe('2');
    await send(3n);
    await untilHeard('3');
  });

  it('is held by tyr while the installation is away, and sent by ingest again when it starts', async () => {
    await ingest.kill('SIGKILL');
    await tyr.kill('SIGKILL');
    baldur.heard.length = 0;
    tyr = link.startTyr();
    await untilHeard('3');
    await tyr.kill('SIGKILL');
    rmSync(`${link.agentDir}/host-policy.bin`);
    baldur.heard.length = 0;
    ingest = await link.startIngest();
    tyr = link.startTyr();
    await untilHeard('3');
  });
});

it('acks an outcome to baldur when it can no longer be lost', async () => {
  const outcome = create(action.OutcomeSchema, {
    commandId: newId(),
    state: action.OutcomeState.SUCCEEDED,
    code: 'ok',
  });
  baldur.sendOutcome(outcome);
  await until(
    () => Promise.resolve(baldur.heard),
    (heard) => heard.some((message) => message.case === 'outcomeAck' && message.value === outcome.commandId),
  );
  const [stored] = await until(
    () => outcomesOf(outcome.commandId),
    (all) => all.length > 0,
  );
  expect(stored).toMatchObject(await link.identity());
});

it('cuts a revoked host off while it is connected, audits it, and lets its machine in as another host', async () => {
  const { hostId } = await link.identity();
  await link.control.manager.update(Host, { id: hostId }, { revokedBefore: new Date() });
  const [refused] = await audited(hostId, 'certificate.refused');
  expect(refused?.details).toMatchObject({ code: 'certificate_revoked' });
  const before = await storedSeqs();
  const last = baldur.sendBatches(50);
  await baldur.untilAcked(last);
  expect(await storedSeqs()).toEqual(before);

  await link.newJoinToken();
  await tyr.kill('SIGTERM');
  rmSync(`${link.agentDir}/identity.json`);
  tyr = link.startTyr();
  const { hostId: another } = await link.identity();
  expect(another).not.toBe(hostId);
  const [enrolled] = await audited(another, 'host.enrolled');
  expect(enrolled?.details).toMatchObject({ alike: [hostId] });
  expectCompleteInOrder(await until(storedSeqs, (all) => all.includes(last)), last);
});

it('stays the same host, without a token, when its certificate has expired meanwhile', async () => {
  const { hostId } = await link.identity();
  await tyr.kill('SIGTERM');
  const file = `${link.agentDir}/identity.json`;
  // As after an outage of weeks: what is asked is the file.
  const identity = JSON.parse(readFileSync(file, 'utf8')) as object;
  writeFileSync(file, JSON.stringify({ ...identity, issuedAtMs: 1, expiresAtMs: 2 }));
  tyr = link.startTyr();
  const last = baldur.sendBatches(10);
  await baldur.untilAcked(last);
  expect((await link.identity()).hostId).toBe(hostId);
  // It may have connected with what it still had before it asked for another.
  expect(await audited(hostId, 'host.enrolled_again')).toHaveLength(1);
});

/** What the trail has of it, as soon as it has anything. */
function audited(subject: string, action: string): Promise<AuditEntry[]> {
  const entries = () => link.control.manager.findBy(AuditEntry, { subject, action });
  return until(entries, (all) => all.length > 0);
}

it('keeps tyr within its memory', () => {
  const rssKiB = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${tyr.pid}/status`, 'utf8'))?.[1]);
  expect(rssKiB).toBeLessThan(90 * 1024);
});
