// Remediation and storage's neighbours on a broker that somebody else writes to as well: what no stage signed has no effect.
// @norn-strict
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type BusProducer, ensureAccess, ensureTopics, offsetRanges } from '@norn/bus';
import { makeSignerKeys, readSignerKey } from '@norn/config';
import { action, finding } from '@norn/contracts';
import { POLICY, signCommand, signForPerson } from '@norn/response';
import { AlertHandling, CommandRecord, createControlStore, ensureTenant } from '@norn/store';
import {
  type ForgedRecord,
  type TestKafka,
  type TestPostgres,
  createStagesProducer,
  forge,
  readAsStranger,
  startKafka,
  startPostgres,
} from '@norn/testkit';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import { alertOf, alertRecord, hostId, hostKey, idOf, outcomeRecord, reflexFinding } from './attack-alert.ts';
import { StageProcess } from './stage-process.ts';

let kafka: TestKafka;
let postgres: TestPostgres;
let store: DataSource;
let producer: BusProducer;
let remediation: StageProcess;
let folder: string;

beforeAll(async () => {
  [kafka, postgres] = await Promise.all([startKafka(), startPostgres()]);
  folder = mkdtempSync('/tmp/norn-test-forged-');
  makeSignerKeys(folder);
  const key = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
  writeFileSync(join(folder, 'command.key.pem'), key, { mode: 0o600 });
  writeFileSync(join(folder, 'postgres.password'), postgres.password, { mode: 0o600 });
  await ensureTopics({ ...kafka.bus, kafkaPartitions: 1 });
  await ensureAccess(kafka.bus);
  store = await createControlStore({ postgresUrl: postgres.urlWithPassword });
  await ensureTenant(store.manager, 'default');
  producer = await createStagesProducer({ ...kafka.bus, secretsDir: folder });
  remediation = new StageProcess('remediation', {
    ...kafka.environmentOf('remediation'),
    NORN_POSTGRES_URL: postgres.urlWithPassword.replace(/:[^:@/]*@/, '@'),
    NORN_POSTGRES_PASSWORD_FILE: join(folder, 'postgres.password'),
    NORN_SECRETS_DIR: folder,
  });
  await remediation.start();
});

afterAll(async () => {
  await remediation.stop();
  await producer.close();
  await store.destroy();
  await Promise.all([kafka.stop(), postgres.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

async function until(reached: () => Promise<boolean>): Promise<void> {
  while (!(await reached())) await new Promise((resolve) => setTimeout(resolve, 50));
}

const handled = (name: string): Promise<boolean> => store.manager.existsBy(AlertHandling, { id: idOf(name) });
const attack = (name: string) =>
  alertRecord(alertOf(name, 1, [reflexFinding(`${name}-f`, name)], readSignerKey(folder, 'detection')));

/** Its handling stands behind everything that is on the topic now. */
async function trueAlert(name: string): Promise<void> {
  await producer.send('alerts', [attack(name)]);
  await until(() => handled(name));
}

describe('what stands on the bus and no stage wrote', () => {
  it('is an alert that nobody answers, while the true one behind it is answered', async () => {
    await forge(kafka.bus, [attack('forged')]);
    await trueAlert('true');
    expect(await handled('forged')).toBe(false);
    const commands = await store.manager.find(CommandRecord);
    expect(new Set(commands.map(({ alertId }) => alertId))).toEqual(new Set([idOf('true')]));
  });

  it('is an alert of another host or tenant under a true signature', async () => {
    const [range] = await offsetRanges(kafka.bus, 'alerts');
    const stood = await readAsStranger(kafka.bus, 'alerts', range?.end ?? 0);
    const signed = stood.find(({ headers }) => headers['norn-signature'] !== undefined) as ForgedRecord;
    const foreign = { ...alertOf('foreign', 1, [reflexFinding('foreign-f', 'foreign')]), hostId: 'host-of-another' };
    await forge(kafka.bus, [
      { ...signed, key: 'default:host-of-another', value: toBinary(finding.AlertSchema, foreign) },
      { ...signed, key: 'other:host-of-another' },
      { ...attack('borrowed'), headers: signed.headers },
    ]);
    await trueAlert('after-foreign');
    expect(await handled('foreign')).toBe(false);
    expect(await handled('borrowed')).toBe(false);
    expect(await store.manager.countBy(AlertHandling, { hostId: 'host-of-another' })).toBe(0);
  });

  it('is an alert by detection itself that names another host or tenant than its key', async () => {
    const before = await store.manager.count(AlertHandling);
    const foreign = alertOf('misplaced', 1, [reflexFinding('misplaced-f', 'misplaced')]);
    await producer.send('alerts', [
      alertRecord(foreign, 'default:host-of-another'),
      alertRecord(foreign, `acme:${hostId}`),
    ]);
    await trueAlert('after-misplaced');
    expect(await handled('misplaced')).toBe(false);
    expect(await store.manager.count(AlertHandling)).toBe(before + 1);
  });

  it('is an outcome that changes no state', async () => {
    await until(async () => (await store.manager.countBy(CommandRecord, { state: 'dispatched' })) > 0);
    const command = await store.manager.findOneByOrFail(CommandRecord, { alertId: idOf('true'), hostId });
    const said = outcomeRecord(command.id, action.OutcomeState.SUCCEEDED, {}, hostKey);
    await forge(kafka.bus, [said]);
    const other = await store.manager.findOneByOrFail(CommandRecord, { alertId: idOf('after-foreign') });
    await producer.send('outcomes', [outcomeRecord(other.id, action.OutcomeState.SUCCEEDED)]);
    await until(
      async () => (await store.manager.findOneByOrFail(CommandRecord, { id: other.id })).state === 'succeeded',
    );
    const { state } = await store.manager.findOneByOrFail(CommandRecord, { id: command.id });
    expect(state).not.toBe('succeeded');
    const audited = await store.query<unknown[]>(`SELECT 1 FROM audit_entries WHERE action = 'outcome.refused'`);
    expect(audited).toEqual([]);
  });

  it('is a command in the outbox behind which nothing proven stands, whoever holds the key of commands', async () => {
    const made = (id: string, requestedBy: string): action.Command =>
      create(action.CommandSchema, {
        ...{ id: idOf(id), tenantId: 'default', hostId, alertId: idOf('true'), requestedBy },
        scopeUids: [new Uint8Array(16)],
        expiresAtUs: BigInt(Date.now() + 60_000) * 1000n,
        action: { case: 'kill', value: {} },
      });
    const put = async (signed: action.SignedCommand): Promise<void> => {
      const body = Buffer.from(toBinary(action.SignedCommandSchema, signed));
      await store.query('INSERT INTO outbox (topic, key, body, traceparent) VALUES ($1, $2, $3, $4)', [
        'commands',
        hostKey,
        body,
        '',
      ]);
    };
    const commandKey = readFileSync(join(folder, 'command.key.pem'), 'utf8');
    await put(signCommand(made('madeup-p', POLICY), commandKey));
    await put(signCommand(made('madeup-u', 'ada'), commandKey));
    await put(signForPerson(signCommand(made('madeup-a', POLICY), commandKey), readSignerKey(folder, 'api')));
    await put(signForPerson(signCommand(made('asked', 'ada'), commandKey), readSignerKey(folder, 'api')));
    await until(async () => (await store.query<unknown[]>('SELECT 1 FROM outbox')).length === 0);
    const [range] = await offsetRanges(kafka.bus, 'commands');
    const sent = (await readAsStranger(kafka.bus, 'commands', range?.end ?? 0)).map(
      ({ value }) => fromBinary(action.CommandSchema, fromBinary(action.SignedCommandSchema, value).command).id,
    );
    expect(sent).toContain(idOf('asked'));
    for (const id of ['madeup-p', 'madeup-u', 'madeup-a']) expect(sent).not.toContain(idOf(id));
  });
});
