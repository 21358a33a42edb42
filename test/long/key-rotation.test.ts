// Keys of the installation change while two hosts send and obey, one of them away for a while: nothing is lost, nothing is refused that was not
// to be, and what is old, forged or sent again counts nowhere.
// @norn-strict
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Client, credentials } from '@grpc/grpc-js';
import { AuthorityRotation, CommandKeyRotation, rotate, rotateIngest, type Running } from '@norn/cli';
import { readInstallationKeys, readSignerKey } from '@norn/config';
import { action, agent, agentServiceDefinition, event } from '@norn/contracts';
import { commandKeyId, signCommand, signCommandKeys, signForPerson } from '@norn/response';
import { OutboxEntry, auditKeyDeed, hostKeys } from '@norn/store';
import { X509Certificate, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect as connectTls } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { FakeBaldur } from '../agent-link/fake-baldur.ts';
import { type Link, type PartProcess, startLink } from '../agent-link/link.ts';

interface Kept {
  readonly tenantId: string;
  readonly hostId: string;
  readonly keyPem: string;
  readonly certificatePem: string;
  readonly commandKeys?: { readonly number: number; readonly keys: readonly string[] };
}

/** A host: its tyr, and a baldur beside it. */
class TestedHost {
  readonly baldur: FakeBaldur;
  private tyr: PartProcess | undefined;

  constructor(
    private readonly link: Link,
    private readonly name: string,
  ) {
    mkdirSync(this.file(''), { recursive: true, mode: 0o700 });
    this.baldur = new FakeBaldur(this.file('baldur.sock'));
    this.baldur.start();
  }

  start(): void {
    this.tyr = this.link.startTyr({ NORN_AGENT_DIR: this.file(''), NORN_AGENT_SOCKET: this.file('baldur.sock') });
  }

  async stop(): Promise<void> {
    await this.tyr?.kill('SIGTERM');
  }

  file(name: string): string {
    return this.link.file(`agent-${this.name}/${name}`);
  }

  kept(): Kept {
    return JSON.parse(readFileSync(this.file('identity.json'), 'utf8')) as Kept;
  }

  async join(): Promise<void> {
    await this.link.newJoinToken();
    this.start();
    await until(
      () => hostKeys(this.link.control),
      (hosts) => hosts.some(({ id, isConnected, canFollow }) => id === this.idOrNone() && isConnected && canFollow),
    );
  }

  private idOrNone(): string {
    try {
      return this.kept().hostId;
    } catch {
      return ''; // Not enrolled yet.
    }
  }
}

let link: Link;
let stages: PartProcess[];
let here: TestedHost;
let away: TestedHost;
let running: Running;
let secrets: string;
let sentHere = 0n;
let sending: NodeJS.Timeout;
const flags = { wait: 30 };
const said: string[] = [];

beforeAll(async () => {
  link = await startLink();
  secrets = link.file('secrets');
  stages = await Promise.all([link.startIngest(), link.startStage('remediation', {})]);
  running = {
    settleMs: 1_000,
    tell: (sentence) => said.push(sentence),
    control: {
      hosts: () => hostKeys(link.control),
      note: (deed, subject, details) =>
        auditKeyDeed(link.control.manager, { actor: 'ada', action: deed, subject, details }),
      close: () => Promise.resolve(),
    },
  };
  here = new TestedHost(link, 'here');
  away = new TestedHost(link, 'away');
  await here.join();
  await away.join();
  sending = setInterval(() => {
    sentHere = here.baldur.sendBatches(5);
  }, 50);
});

afterAll(async () => {
  clearInterval(sending);
  for (const host of [here, away]) {
    host.baldur.close();
    await host.stop();
  }
  await Promise.all(stages.map((stage) => stage.kill('SIGTERM')));
  await link.close();
});

async function until<T>(read: () => T | Promise<T>, isIt: (value: T) => boolean): Promise<T> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const value = await read();
    if (isIt(value)) return value;
    if (performance.now() > deadline) throw new Error(`It has not become so: ${JSON.stringify(value).slice(0, 500)}`);
    await sleep(50);
  }
}

function aCommand({ tenantId, hostId }: Kept): action.Command {
  const nowUs = BigInt(Date.now()) * 1000n;
  return create(action.CommandSchema, {
    ...{ id: randomBytes(16).toString('hex'), alertId: randomBytes(16).toString('hex'), tenantId, hostId },
    ...{ issuedAtUs: nowUs, expiresAtUs: nowUs + 60_000_000n, epoch: 1n, requestedBy: 'ada' },
    action: { case: 'kill', value: {} },
  });
}

/** As the API asks for one, and remediation signs and sends it, again and again to one that comes back. Returns the id of the key. */
async function obeyed(host: TestedHost): Promise<string> {
  const command = aCommand(host.kept());
  const unsigned = create(action.SignedCommandSchema, { command: toBinary(action.CommandSchema, command) });
  const body = toBinary(action.SignedCommandSchema, signForPerson(unsigned, readSignerKey(secrets, 'api')));
  const entry = { topic: 'commands', key: `${command.tenantId}:${command.hostId}`, body: Buffer.from(body) };
  const ask = (): Promise<unknown> => link.control.manager.insert(OutboxEntry, { ...entry });
  await ask();
  const again = setInterval(() => void ask(), 1_000);
  await until(
    () => host.baldur.commands().map(({ id }) => id),
    (ids) => ids.includes(command.id),
  ).finally(() => {
    clearInterval(again);
  });
  const codes = (await outcomesOf(command.id)).map(({ code }) => code);
  expect(codes.filter((code) => code !== 'ok' && code !== 'replayed')).toEqual([]);
  const sent = (await link.records('commands')).map(({ value }) => fromBinary(action.SignedCommandSchema, value));
  return sent.findLast(({ command: bytes }) => Buffer.from(bytes).equals(Buffer.from(unsigned.command)))?.keyId ?? '';
}

async function outcomesOf(id: string): Promise<action.Outcome[]> {
  const all = (await link.records('outcomes')).map(({ value }) => fromBinary(action.OutcomeSchema, value));
  return all.filter(({ commandId }) => commandId === id);
}

/** What the host says of a command that is signed by that key and put into the topic by somebody who may. */
async function answerTo(host: TestedHost, keyPem: string): Promise<string> {
  const command = aCommand(host.kept());
  const signed = signForPerson(signCommand(command, keyPem), readSignerKey(secrets, 'api'));
  const value = toBinary(action.SignedCommandSchema, signed);
  await link.producer.send('commands', [{ key: `${command.tenantId}:${command.hostId}`, value, headers: {} }]);
  const [outcome] = await until(
    () => outcomesOf(command.id),
    (all) => all.length > 0,
  );
  return outcome?.code ?? '';
}

const idOf = (keyPem: string): string => commandKeyId(createPublicKey(keyPem));
const newKey = (): string =>
  generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

describe('the command key', () => {
  const rotation = () => new CommandKeyRotation(secrets);
  let old: string;

  it('is another for a host that is there, without a command refused', async () => {
    old = link.secrets.commandPrivateKeyPem;
    expect(await obeyed(here)).toBe(idOf(old));
    await away.stop();
    await rotate(rotation(), flags, running);
    expect(rotation().phase()).toBe('turned');
    expect(rotation().beside()).toBe(idOf(old));
    expect(await obeyed(here)).toBe(rotation().inUse());
  });

  it('goes back while the old one is there', async () => {
    await rotate(rotation(), { ...flags, back: true }, running);
    expect(await obeyed(here)).toBe(idOf(old));
    await expect(rotate(rotation(), { ...flags, back: true }, running)).rejects.toMatchObject({ code: 'no_way_back' });
  });

  it('is gone on with after it was interrupted, and ended', async () => {
    // As when the process was killed before hosts were told of the new key.
    const keys = readFileSync(`${secrets}/keys.json`, 'utf8');
    await rotate(rotation(), { ...flags, finish: true }, running);
    expect([rotation().phase(), rotation().inUse()]).toEqual(['steady', idOf(old)]);
    writeFileSync(`${secrets}/command.key.pem`, `${old}${newKey()}`);
    expect(rotation().phase()).toBe('announcing');
    await rotate(rotation(), flags, running);
    await rotate(rotation(), { ...flags, finish: true }, running);
    expect(rotation().phase()).toBe('steady');
    expect(await obeyed(here)).toBe(rotation().inUse());
    expect(await answerTo(here, old)).toBe('bad_signature');
    // What was sent before is sent again: the old one does not come back by it.
    const now = readFileSync(`${secrets}/keys.json`, 'utf8');
    writeFileSync(`${secrets}/keys.json`, keys);
    await sleep(1_500);
    expect(await answerTo(here, old)).toBe('bad_signature');
    writeFileSync(`${secrets}/keys.json`, now);
  });

  it('is nobody’s to hand out who has ingest and not the key before it', async () => {
    const forger = newKey();
    const before = readFileSync(`${secrets}/keys.json`, 'utf8');
    const known = readInstallationKeys(secrets);
    const spki = createPublicKey(forger).export({ type: 'spki', format: 'pem' }).toString();
    for (const by of [forger, old]) {
      const { commandKeys, signature } = signCommandKeys({ number: 99, keys: [spki] }, by);
      const list = {
        ...{ list: Buffer.from(commandKeys).toString('base64'), signature: Buffer.from(signature).toString('base64') },
        at: '',
      };
      writeFileSync(`${secrets}/keys.json`, JSON.stringify({ ...known, commandKeys: [...known.commandKeys, list] }));
      await until(
        () => link.log('tyr').split('command_keys_refused').length,
        (parts) => parts > (by === forger ? 1 : 2),
      );
      expect(await answerTo(here, forger)).toBe('bad_signature');
    }
    writeFileSync(`${secrets}/keys.json`, before);
  });

  it('is followed by a host that was away through all of it, before any command', async () => {
    expect(away.kept().commandKeys?.number).toBe(0);
    away.start();
    expect(await obeyed(away)).toBe(rotation().inUse());
    expect(await answerTo(away, old)).toBe('bad_signature');
  });
});

describe("ingest's certificate", () => {
  const shown = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const port = Number(link.addresses.enrol.split(':').at(-1));
      const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
        resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? '');
        socket.destroy();
      });
      socket.once('error', reject);
    });

  it('is another, and the one before, and nobody is cut off', async () => {
    const first = await shown();
    const lost = (): number => link.log('tyr').split('uplink_down').length;
    const before = lost();
    await rotateIngest(secrets, flags, running);
    const second = await until(shown, (now) => now !== first);
    await rotateIngest(secrets, { ...flags, back: true }, running);
    await until(shown, (now) => now === first);
    expect(second).not.toBe(first);
    expect(lost()).toBe(before);
  });
});

describe('the authority of hosts', () => {
  const rotation = () => new AuthorityRotation(secrets);
  const issuerOf = async (host: TestedHost): Promise<string> =>
    (await hostKeys(link.control)).find(({ id }) => id === host.kept().hostId)?.issuer ?? '';
  let before: Kept;
  let identityOfAway: string;

  it('is another: hosts have a certificate of it at once', async () => {
    const old = rotation().inUse();
    before = here.kept();
    identityOfAway = readFileSync(away.file('identity.json'), 'utf8');
    await away.stop();
    await rotate(rotation(), flags, running);
    expect(rotation().inUse()).not.toBe(old);
    await until(
      () => issuerOf(here),
      (issuer) => issuer === rotation().inUse(),
    );
    await obeyed(here);
  });

  it('goes back and forth', async () => {
    await rotate(rotation(), { ...flags, back: true }, running);
    await until(
      () => issuerOf(here),
      (issuer) => issuer === rotation().inUse(),
    );
    await rotate(rotation(), flags, running);
    await until(
      () => issuerOf(here),
      (issuer) => issuer === rotation().inUse(),
    );
  });

  it('is not let go while a host has a certificate of it', async () => {
    const { hostId } = away.kept();
    const finish = rotate(rotation(), { ...flags, finish: true }, running);
    await expect(finish).rejects.toMatchObject({ code: 'hosts_rely', message: expect.stringMatching(/^1 host would/) });
    expect(
      rotation().lossOf(
        (await hostKeys(link.control)).find(({ id }) => id === hostId)!,
        new Date(),
      ),
    ).toMatch(/of the authority/);
    await rotate(rotation(), { ...flags, finish: true, force: true }, running);
    expect(rotation().phase()).toBe('steady');
  });

  it('lets nobody in any more by a certificate of before', async () => {
    const secure = credentials.createSsl(
      readFileSync(`${secrets}/authority.cert.pem`),
      Buffer.from(before.keyPem),
      Buffer.from(before.certificatePem),
    );
    const client = new Client(link.addresses.ingest, secure, { 'grpc.ssl_target_name_override': 'localhost' });
    const { path, requestSerialize, responseDeserialize } = agentServiceDefinition.renew;
    const ask = (): Promise<string> =>
      new Promise((resolve) => {
        const request = create(agent.RenewRequestSchema, { certificateRequest: 'none' });
        client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error) => {
          resolve(error?.details ?? '');
        });
      });
    await until(ask, (details) => details.startsWith('certificate_foreign: its authority lets nobody in'));
    client.close();
    await obeyed(here);
  });

  it('still proves who a host was that was away for long, and trusts the old one alone', async () => {
    const identity = JSON.parse(identityOfAway) as Kept;
    // It has not expired, and ingest takes none of that authority any more.
    away.start();
    expect(await obeyed(away)).not.toBe('');
    await away.stop();
    // As after an outage of weeks: what is asked is the file.
    writeFileSync(away.file('identity.json'), JSON.stringify({ ...identity, issuedAtMs: 1, expiresAtMs: 2 }));
    away.start();
    expect(await obeyed(away)).not.toBe('');
    expect(away.kept().hostId).toBe(identity.hostId);
    expect(await issuerOf(away)).toBe(rotation().inUse());
    expect(
      new X509Certificate(away.kept().certificatePem).verify(new X509Certificate(identity.certificatePem).publicKey),
    ).toBe(false);
  });
});

it('lost none of the events that were sent all the time, and left a trail', async () => {
  clearInterval(sending);
  const own = async (): Promise<bigint[]> =>
    (await link.records('raw'))
      .map(({ value }) => fromBinary(event.EventBatchSchema, value))
      .filter(({ streamId }) => Buffer.from(streamId).equals(Buffer.from(here.baldur.streamId)))
      .map(({ batchSeq }) => batchSeq);
  const seqs = await until(own, (all) => all.includes(sentHere));
  expect([...new Set(seqs)]).toEqual(Array.from({ length: Number(sentHere) }, (_, index) => BigInt(index + 1)));
  const deeds = await link.control.query<{ action: string; subject: string; actor: string }[]>(
    `SELECT action, subject, actor FROM audit_entries WHERE action LIKE 'key.%' ORDER BY at`,
  );
  expect(deeds.map(({ action: deed, subject }) => `${subject} ${deed}`)).toEqual([
    ...['command key.announced', 'command key.turned', 'command key.turned_back', 'command key.finished'],
    ...['command key.announced', 'command key.turned', 'command key.finished'],
    ...['ingest key.turned', 'ingest key.turned_back'],
    ...['authority key.announced', 'authority key.turned', 'authority key.turned_back', 'authority key.turned'],
    'authority key.finished',
  ]);
  expect(new Set(deeds.map(({ actor }) => actor))).toEqual(new Set(['ada']));
});
