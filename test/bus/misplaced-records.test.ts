// @norn-strict
// What names another tenant or host in its body than in its key is for nobody, though the right stage has signed it.
import { setTimeout as sleep } from 'node:timers/promises';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  type BusProducer,
  type OutRecord,
  type TopicName,
  createConsumer,
  ensureTopics,
  offsetRanges,
  readRange,
} from '@norn/bus';
import { action, finding, occurrence, policy } from '@norn/contracts';
import { metricsText } from '@norn/telemetry';
import { type TestKafka, createStagesProducer, makeTestKeys, startKafka } from '@norn/testkit';

const keys = makeTestKeys();
let kafka: TestKafka;
let producer: BusProducer;
const config = () => ({ ...kafka.bus, kafkaPartitions: 1, secretsDir: keys.secretsDir });

beforeAll(async () => {
  kafka = await startKafka();
  await ensureTopics(config());
  producer = await createStagesProducer(config());
});

afterAll(async () => {
  await producer.close();
  await kafka.stop();
  keys.remove();
});

type Owner = readonly [tenantId: string, hostId: string];

/** Bodies of each topic that names its owner, by whom they name; the last argument is of findings within. */
const bodies = {
  findings: ([tenantId, hostId]: Owner) =>
    toBinary(finding.FindingSchema, create(finding.FindingSchema, { tenantId, hostId })),
  alerts: ([tenantId, hostId]: Owner, within: Owner = [tenantId, hostId]) => {
    const findings = [{ tenantId: within[0], hostId: within[1] }];
    return toBinary(finding.AlertSchema, create(finding.AlertSchema, { tenantId, hostId, findings }));
  },
  outcomes: ([tenantId, hostId]: Owner) =>
    toBinary(action.OutcomeSchema, create(action.OutcomeSchema, { tenantId, hostId })),
  occurrences: ([tenantId, hostId]: Owner) => {
    const what = { case: 'occurrence', value: { about: { tenantId, hostId } } } as const;
    return toBinary(occurrence.TenantRecordSchema, create(occurrence.TenantRecordSchema, { what }));
  },
  policies: ([tenantId]: Owner) => {
    const made = toBinary(policy.HostPolicySchema, create(policy.HostPolicySchema, { tenantId }));
    return toBinary(policy.SignedPolicySchema, create(policy.SignedPolicySchema, { policy: made }));
  },
} satisfies Partial<Record<TopicName, (owner: Owner) => Uint8Array>>;
const named = Object.keys(bodies) as (keyof typeof bodies)[];
const ofTenant: readonly TopicName[] = ['occurrences', 'policies'];

const keyOf = (topic: TopicName, [tenantId, hostId]: Owner): string =>
  ofTenant.includes(topic) ? tenantId : `${tenantId}:${hostId}`;
const at = (key: string, note: string, value: Uint8Array): OutRecord => ({ key, value, headers: { note } });

async function readable(topic: TopicName): Promise<string[]> {
  const notes: string[] = [];
  await readRange(config(), topic, await offsetRanges(config(), topic), ({ records }) => {
    notes.push(...records.map(({ headers }) => headers['note'] ?? ''));
    return Promise.resolve();
  });
  return notes;
}

async function refused(topic: TopicName): Promise<number> {
  const lines = (await metricsText()).split('\n');
  const of = ['records_unproven', `"${topic}"`, '"sender_mismatch"'];
  const line = lines.find((each) => of.every((part) => each.includes(part)));
  return Number(line?.split(' ').at(-1) ?? 0);
}

const web: Owner = ['default', 'web'];
const db: Owner = ['default', 'db'];
const acme: Owner = ['acme', 'web'];

describe('a record whose body names another', () => {
  it.each(named)('tenant is read by nobody on %s, and counted', async (topic) => {
    const body = bodies[topic];
    await producer.send(topic, [
      at(keyOf(topic, acme), 'of another', body(web)),
      at(keyOf(topic, web), 'of nobody', body(['', ''])),
      at(keyOf(topic, web), 'own', body(web)),
    ]);
    expect(await readable(topic)).toEqual(['own']);
    expect(await refused(topic)).toBe(2);
  });

  it.each(named.filter((topic) => !ofTenant.includes(topic)))('host is read by nobody on %s', async (topic) => {
    const before = await refused(topic);
    await producer.send(topic, [
      at(keyOf(topic, db), 'of another', bodies[topic](web)),
      // The same key, put together of other parts.
      at('a:b:c', 'other parts', bodies[topic](['a:b', 'c'])),
      at('a:b:c', 'own parts', bodies[topic](['a', 'b:c'])),
      at('web', 'no host', bodies[topic](['', 'web'])),
    ]);
    expect(await readable(topic)).toEqual(['own', 'own parts']);
    // Read from the beginning: those of before are counted again.
    expect(await refused(topic)).toBe(before + 2 + 3);
  });

  it('tenant in a finding of an alert is for nobody either; another host may be in it', async () => {
    await producer.send('alerts', [
      at(keyOf('alerts', web), 'foreign within', bodies.alerts(web, acme)),
      at(keyOf('alerts', web), 'another host within', bodies.alerts(web, db)),
    ]);
    expect(await readable('alerts')).toEqual(['own', 'own parts', 'another host within']);
  });

  it('stops nobody who reads in a group, and what does not parse is handed on to be refused', async () => {
    const heard: string[] = [];
    const consumer = await createConsumer(config(), {
      groupId: 'misplaced',
      minBytes: 1,
      handlers: new Map([
        [
          'alerts' as const,
          ({ records }) => {
            heard.push(...records.map(({ headers }) => headers['note'] ?? ''));
            return Promise.resolve();
          },
        ],
      ]),
    });
    await producer.send('alerts', [
      at(keyOf('alerts', acme), 'of another', bodies.alerts(web)),
      at(keyOf('alerts', web), 'no alert', Buffer.from('no alert')),
      at(keyOf('alerts', web), 'the last', bodies.alerts(web)),
    ]);
    while (!heard.includes('the last')) await sleep(20);
    expect(heard).toEqual(['own', 'own parts', 'another host within', 'no alert', 'the last']);
    await consumer.close();
  });
});
