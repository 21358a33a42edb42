// @norn-strict
// Who holds detection's or ingest's key may write what is said of another tenant or host than the record's key: storage keeps it for nobody.
import { create, toBinary } from '@bufbuild/protobuf';
import type { OutRecord, TopicName } from '@norn/bus';
import { action, finding } from '@norn/contracts';
import { type StageTrial, eventually, startStageTrial } from './stage-trial.ts';

let trial: StageTrial;
beforeAll(async () => {
  trial = await startStageTrial({ partitions: 1 });
});
afterAll(async () => {
  await trial.close();
});

const mine = { tenantId: 'default', hostId: 'web-1' };
/** Rows of long ago go at once. */
const nowUs = BigInt(Date.now()) * 1000n;
const id = (name: string): string => Buffer.from(name).toString('hex').padEnd(32, '0').slice(0, 32);
const keyed = (key: string, value: Uint8Array): OutRecord => ({ key, value, headers: {} });

const findingOf = (name: string, owner = mine): finding.Finding =>
  create(finding.FindingSchema, { id: id(name), ruleId: name, timeUs: nowUs, ...owner });
const findingAt = (key: string, name: string): OutRecord =>
  keyed(key, toBinary(finding.FindingSchema, findingOf(name)));
const alertAt = (key: string, name: string, owner = mine, findings = [findingOf(name)]): OutRecord =>
  keyed(
    key,
    toBinary(
      finding.AlertSchema,
      create(finding.AlertSchema, {
        ...{ id: id(name), title: name, version: 1, ...owner, findings },
        createdAtUs: nowUs,
      }),
    ),
  );
const outcomeAt = (key: string, name: string): OutRecord => {
  const files = [{ path: Buffer.from(`/${name}`), verdict: action.Verdict.LOST }];
  const ids = { commandId: id(name), alertId: id(name) };
  const outcome = create(action.OutcomeSchema, { ...ids, ...mine, files, finishedAtUs: nowUs });
  return keyed(key, toBinary(action.OutcomeSchema, outcome));
};

/** What stands in the tenant's table, by a column that is the name. */
async function stored(table: 'findings' | 'alerts' | 'outcome_files', column: string): Promise<string[]> {
  const rows = await trial.reader.select<{ name: string }>({ select: [`DISTINCT ${column} AS name`], from: table });
  return rows.map(({ name }) => name).sort();
}

it('is stored for nobody, while what stands behind it is', async () => {
  const storage = trial.stage('storage');
  await storage.start();
  const send = (topic: TopicName, ...records: OutRecord[]): Promise<void> => trial.producer.send(topic, records);
  const [own, others, another] = ['default:web-1', 'acme:web-1', 'default:web-2'];
  await send('findings', findingAt(others, 'f-tenant'), findingAt(another, 'f-host'), findingAt(own, 'f-own'));
  await send(
    'alerts',
    alertAt(others, 'a-tenant'),
    alertAt(another, 'a-host'),
    // Its own tenant's, and in it a finding of another's.
    alertAt(others, 'a-within', { ...mine, tenantId: 'acme' }),
    alertAt(own, 'a-own'),
  );
  await send('outcomes', outcomeAt(others, 'o-tenant'), outcomeAt(another, 'o-host'), outcomeAt(own, 'o-own'));
  const all = async (): Promise<string[]> => [
    ...(await stored('findings', 'rule_id')),
    ...(await stored('alerts', 'title')),
    ...(await stored('outcome_files', 'path')),
  ];
  // Storage makes the tables.
  const found = await eventually(
    () => all().catch((): string[] => []),
    (names) => ['f-own', 'a-own', '/o-own'].every((name) => names.includes(name)),
  );
  expect(found).toEqual(['a-own', 'f-own', 'a-own', '/o-own']);
  await storage.stop();
});
