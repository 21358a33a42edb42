// Who may do what at the real broker: each stage what its row of the flow says, others nothing.
// @norn-strict
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type TopicName,
  busIdentities,
  createConsumer,
  createKafka,
  downlink,
  ensureAccess,
  ensureTopics,
  flow,
  topics,
} from '@norn/bus';
import { createAuthority, type Issued } from '@norn/embedded/certificates';
import { issueIdentity, makeSecrets } from '@norn/ingest/testing';
import { makeTestKeys, startKafka, type TestBus, type TestKafka } from '@norn/testkit';
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ConfigResourceTypes,
  ResourcePatternTypes,
} from 'kafkajs';
import { listeningPorts } from '../stores/doors.ts';
import { OneBroker } from './one-broker.ts';

let kafka: TestKafka;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync('/tmp/norn-access-');
  kafka = await startKafka();
  await ensureTopics({ ...kafka.bus, kafkaPartitions: 1 });
  await ensureAccess(kafka.bus);
});
afterAll(async () => {
  await kafka.stop();
  rmSync(folder, { recursive: true });
});

const names = Object.keys(topics) as TopicName[];
const services = [...new Set(flow.map(({ name, service = name }) => service))];
const rowsOf = (service: string) => flow.filter(({ name, service: other = name }) => other === service);

/** Names of topics that an answer of '' was given for; any other answer than a refusal fails. */
async function allowed(ask: (topic: string) => Promise<string>): Promise<TopicName[]> {
  const answers: [TopicName, string][] = [];
  for (const name of names) answers.push([name, await ask(topics[name])]);
  expect(answers.filter(([, answer]) => answer !== '' && answer !== 'TOPIC_AUTHORIZATION_FAILED')).toEqual([]);
  return answers.filter(([, answer]) => answer === '').map(([name]) => name);
}

async function as<T>(bus: TestBus, use: (broker: OneBroker) => Promise<T>): Promise<T> {
  const broker = await OneBroker.connect(bus);
  try {
    return await use(broker);
  } finally {
    await broker.disconnect();
  }
}

const sorted = (list: readonly string[]): string[] => [...new Set(list)].sort();

describe.each(services)('%s', (service) => {
  const rows = rowsOf(service);
  const restored = rows.flatMap(({ restores = [] }) => restores);

  it('writes what its rows produce, its own state and dead letters, and nothing else', async () => {
    const mayWrite = await as(kafka.busOf(service), (broker) => allowed((topic) => broker.write(topic)));
    const produced = rows.flatMap(({ produces }) => produces);
    expect(sorted(mayWrite)).toEqual(sorted([...produced, ...restored, 'deadLetter']));
  });

  it('reads what its rows consume and its own state, and nothing else', async () => {
    const mayRead = await as(kafka.busOf(service), (broker) => allowed((topic) => broker.read(topic)));
    const consumed = rows.flatMap(({ consumes }) => consumes);
    const down = service === downlink.stage ? downlink.consumes : [];
    expect(sorted(mayRead)).toEqual(sorted([...consumed, ...restored, ...down]));
  });

  it('reads in groups of its own name alone', async () => {
    const others = [
      ...services.filter((other) => other !== service),
      'record',
      'deadletters',
      'reader.x',
      `${service}-2`,
    ];
    await as(kafka.busOf(service), async (broker) => {
      expect(await broker.join(`norn.${service}`)).toBe('');
      expect(await broker.join(`norn.${service}.tenants`)).toBe('');
      for (const other of others) expect([other, await broker.join(`norn.${other}`)]).toEqual([other, refusedGroup]);
      expect(await broker.forget(`norn.${service}`)).toBe(groupAuthorizationFailed);
    });
  });

  it('administers nothing', async () => {
    const admin = createKafka(kafka.busOf(service), 'norn-access-test').admin();
    await admin.connect();
    const [own = 'deadLetter'] = rows.flatMap(({ produces }) => produces);
    const topic = topics[own];
    await expect(admin.deleteTopics({ topics: [topic] })).rejects.toThrow(/authori/i);
    await expect(admin.createPartitions({ topicPartitions: [{ topic, count: 9 }] })).rejects.toThrow(/authori/i);
    const partitions = [{ partition: 0, offset: '-1' }];
    const error = { type: 'TOPIC_AUTHORIZATION_FAILED' };
    await expect(admin.deleteTopicRecords({ topic, partitions })).rejects.toMatchObject({
      cause: { partitions: [{ error }] },
    });
    const configEntries = [{ name: 'retention.ms', value: '1' }];
    const change = { type: ConfigResourceTypes.TOPIC, name: topic, configEntries };
    await expect(admin.alterConfigs({ validateOnly: false, resources: [change] })).rejects.toThrow(/authori/i);
    await expect(admin.describeAcls(any)).rejects.toThrow(/authori/i);
    await expect(admin.createAcls({ acl: [allRightsFor(service)] })).rejects.toThrow(/authori/i);
    await admin.disconnect();
    const create = as(kafka.busOf(service), (broker) => broker.create('norn.other.v1'));
    expect(await create).toBe('TOPIC_AUTHORIZATION_FAILED');
  });
});

const refusedGroup = 'GROUP_AUTHORIZATION_FAILED';
const groupAuthorizationFailed = 30;
const any = {
  resourceType: AclResourceTypes.ANY,
  resourcePatternType: ResourcePatternTypes.ANY,
  operation: AclOperationTypes.ANY,
  permissionType: AclPermissionTypes.ANY,
};
const allRightsFor = (service: string) => ({
  principal: `User:norn-${service}`,
  host: '*',
  resourceType: AclResourceTypes.TOPIC,
  resourceName: '*',
  resourcePatternType: ResourcePatternTypes.LITERAL,
  operation: AclOperationTypes.ALL,
  permissionType: AclPermissionTypes.ALLOW,
});

it('nobody but remediation writes commands, nobody but detection alerts, and ingest alone what agents say', async () => {
  const writers = async (name: TopicName): Promise<string[]> => {
    const answers = busIdentities.map(
      async (one) => [one, await as(kafka.busOf(one), (broker) => broker.write(topics[name]))] as const,
    );
    return (await Promise.all(answers)).filter(([, answer]) => answer === '').map(([one]) => one);
  };
  // Who prepares the broker gives the rights, and so has all of them.
  expect(await writers('commands')).toEqual(['remediation', 'prepare']);
  expect(await writers('policies')).toEqual(['remediation', 'prepare']);
  // And what a stage refused comes back by who replays dead letters, signed as its stage would.
  expect(await writers('alerts')).toEqual(['detection', 'deadletters', 'prepare']);
  expect(await writers('raw')).toEqual(['ingest', 'deadletters', 'prepare']);
  expect(await writers('outcomes')).toEqual(['ingest', 'deadletters', 'prepare']);
});

it('who records reads what agents sent, and nothing else', async () => {
  await as(kafka.busOf('record'), async (broker) => {
    expect(await allowed((topic) => broker.read(topic))).toEqual(['raw', 'facts']);
    expect(await allowed((topic) => broker.write(topic))).toEqual([]);
  });
});

it('rights that the flow no longer gives are taken at the next start', async () => {
  const admin = createKafka(kafka.bus, 'norn-access-test').admin();
  await admin.connect();
  await admin.createAcls({ acl: [allRightsFor('storage')] });
  const mayRead = (): Promise<string> => as(kafka.busOf('storage'), (broker) => broker.read(topics.commands));
  while ((await mayRead()) !== '') continue;
  await ensureAccess(kafka.bus);
  while ((await mayRead()) === '') continue;
  expect(await mayRead()).toBe('TOPIC_AUTHORIZATION_FAILED');
  await admin.disconnect();
});

it('a consumer is there when its group took it, not when it asked', async () => {
  const admin = createKafka(kafka.bus, 'norn-access-test').admin();
  await admin.connect();
  const storage = { ...any, principal: 'User:norn-storage', resourceType: AclResourceTypes.GROUP };
  await admin.deleteAcls({ filters: [storage] });
  await admin.disconnect();
  const mayJoin = (): Promise<string> => as(kafka.busOf('storage'), (broker) => broker.join('norn.storage.asked'));
  while ((await mayJoin()) === '') continue;
  const keys = makeTestKeys();
  let isThere = false;
  const starting = createConsumer(
    { ...keys, ...kafka.busOf('storage') },
    { groupId: 'norn.storage', handlers: new Map([['facts' as const, () => Promise.resolve()]]) },
  ).finally(() => (isThere = true));
  await sleep(2_000);
  expect(isThere).toBe(false);
  await ensureAccess(kafka.bus);
  const consumer = await starting;
  expect(consumer.connected).toBe(true);
  await consumer.close();
  keys.remove();
});

describe('each port of the broker', () => {
  let ports: number[];
  beforeAll(() => {
    ports = listeningPorts([kafka.pid]);
    expect(ports).toHaveLength(2);
  });

  const write = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content, { mode: 0o600 });
    return join(folder, name);
  };
  const shown = ({ keyPem, certificatePem }: Issued): Partial<TestBus> => ({
    kafkaKeyFile: write('key.pem', keyPem),
    kafkaCertificateFile: write('cert.pem', certificatePem),
  });
  const other = async (name: string): Promise<Issued> =>
    (await createAuthority('Norn bus')).issue({
      name,
      names: ['localhost', '127.0.0.1'],
      purposes: ['server', 'client'],
    });

  it.each<[string, () => Promise<object> | object]>([
    ['who speaks plain', () => ({ kafkaTls: false, kafkaAuthorityFile: '', ...none })],
    ['who shows no certificate', () => none],
    [
      'who shows one that another authority of the same name made for an administrator',
      async () => shown(await other('norn-prepare')),
    ],
    ['who shows one that another authority made for the broker', async () => shown(await other('norn-broker'))],
    ['an agent', async () => shown(await issueIdentity(await makeSecrets()))],
  ])('refuses %s', async (_, make) => {
    const changes = await make();
    const tries = ports.map((port) => {
      const bus = { ...kafka.bus, kafkaBrokers: `127.0.0.1:${port}`, ...changes };
      return expect(as(bus, (broker) => broker.read(topics.raw))).rejects.toThrow();
    });
    await Promise.all(tries);
  });

  it('lets no stage do anything at the controller', async () => {
    const controller = ports.find((port) => !kafka.brokers.endsWith(`:${port}`));
    const bus = { ...kafka.busOf('remediation'), kafkaBrokers: `127.0.0.1:${controller}` };
    await as(bus, async (broker) => {
      expect(await broker.create('norn.other.v1')).toMatch(/AUTHORIZATION_FAILED/);
      expect(await broker.read('__cluster_metadata')).toMatch(/AUTHORIZATION_FAILED/);
    });
  });
});

const none = { kafkaKeyFile: '', kafkaCertificateFile: '' };
