// Batches out of hand: whatever the bytes, the stage that judges takes them or refuses them with a code.
// @norn-strict
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { NornError } from '@norn/base';
import { event, openBatch } from '@norn/contracts';
import { readRulePack } from '@norn/detection';
import { readRules, RuleEngine, toRuleBatch } from '@norn/rules';
import { type SeededRandom, SimulatedHost } from '@norn/testkit';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { fuzz } from './fuzz.ts';
import { changedBytes, changedValues } from './mutations.ts';

const CODES = ['batch_malformed', 'batch_too_large', 'schema_unknown'];
const EVENTS = 40;

const anyAuditd = `title: Any record
logsource: { service: auditd }
detection: { a: { type: '*', comm: '*' }, b: { a0|re: '.' }, c: { nametype: '*', name: '*' }, condition: 1 of them }
`;
const engine = new RuleEngine([...readRulePack().rules, ...readRules([{ name: 'any.yml', text: anyAuditd }]).rules]);

const hosts = [1, 2, 3].map((seed) => new SimulatedHost({ seed, processes: 30, containers: 2 }));
const seeds = hosts.flatMap((host) => [host.snapshot(), host.live(EVENTS), host.live(1)]);

/** Changes what is in the batch: its envelope, its columns as a whole, or the values of one column. */
function make(random: SeededRandom): Uint8Array {
  const seed = random.pick(seeds);
  if (random.next() < 0.2) return changedBytes(seed, random);
  const batch = fromBinary(event.EventBatchSchema, seed);
  const bytes = zstdDecompressSync(batch.columns);
  const columns = random.next() < 0.3 ? changedBytes(bytes, random) : withChangedColumn(bytes, random);
  const eventCount = random.next() < 0.1 ? random.below(70_000) : batch.eventCount;
  const frame = zstdCompressSync(columns);
  return toBinary(event.EventBatchSchema, { ...batch, eventCount, columns: frame, columnsSize: columns.length });
}

function withChangedColumn(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const message = fromBinary(event.EventColumnsSchema, bytes);
  const names = event.EventColumnsSchema.fields.map(({ localName }) => localName) as (keyof typeof message)[];
  const name = random.pick(names);
  const column = message[name];
  if (!(column instanceof Uint8Array)) return bytes;
  return toBinary(event.EventColumnsSchema, { ...message, [name]: changedValues(column, random) });
}

function run(bytes: Uint8Array): string {
  try {
    const batch = openBatch(bytes);
    const { matches } = engine.evaluate(toRuleBatch(batch));
    return matches.length > 0
      ? 'judged, with matches'
      : `judged, ${batch.findings.length > 0 ? 'with findings' : 'silent'}`;
  } catch (error) {
    if (error instanceof NornError && CODES.includes(error.code)) return error.code;
    throw error;
  }
}

it('a batch is judged, or refused with a code', async () => {
  const fates = await fuzz({ name: 'batches', wanted: ['batch_malformed', 'judged, with matches'], make, run });
  expect(fates.get('batch_malformed') ?? 0).toBeGreaterThan(0);
  expect(fates.get('judged, with matches') ?? 0).toBeGreaterThan(0);
}, 3_600_000);
