import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { AwayError, NornError } from '@norn/base';
import type { BusRecord, Claim, Plan } from '@norn/bus';
import { BatchWriter, event, openBatch } from '@norn/contracts';
import type { AnyBlock } from '@norn/store';
import { SimulatedHost } from '@norn/testkit';
import { Inserts } from '../inserts/inserts.ts';
import { PartitionStore, type Unit, createBatchBlocks } from './partition-store.ts';
import { RowBudget } from '../inserts/row-budget.ts';

/** A fake of ClickHouse: a block of a token that it has is not stored again. */
class FakeEvents {
  readonly stored = new Map<string, number>();
  /** Tokens that were written down for parts that are not there. */
  readonly forgotten = new Set<string>();
  away = false;
  poison = /never/;
  private gate: Promise<void> = Promise.resolve();
  release: () => void = () => undefined;

  hold(): void {
    this.gate = new Promise((resolve) => {
      this.release = resolve;
    });
  }

  async insert(block: AnyBlock, token: string): Promise<void> {
    if (block.table !== 'events') return;
    const { rows } = block;
    await this.gate;
    if (this.away) throw new AwayError('insert_failed', 'away');
    if (this.poison.test(token)) throw new NornError('rows_refused', 'a row is wrong');
    if (!this.stored.has(token) && !this.forgotten.has(token)) this.stored.set(token, rows);
  }

  async insertMissing(block: AnyBlock, name: string): Promise<void> {
    const [token = ''] = name.split('/');
    if (!this.stored.has(token)) await this.insert(block, name);
  }
}

/** A fake of what Kafka keeps beside the offset. */
class FakeClaim implements Claim {
  readonly plans: string[] = [];
  readonly losing = new AbortController();
  readonly lost = this.losing.signal;

  constructor(readonly written = '') {}

  writeDown({ text }: Plan): Promise<void> {
    this.lost.throwIfAborted();
    this.plans.push(text);
    return Promise.resolve();
  }

  confirm(): Promise<boolean> {
    return Promise.resolve(!this.lost.aborted);
  }

  /** Somebody else has the partition now, and reads what stands there. */
  lose(): FakeClaim {
    this.losing.abort(new NornError('partition_lost', 'lost'));
    return new FakeClaim(this.plans.at(-1) ?? '');
  }
}

function storeOf(claim: Claim, events: FakeEvents, refused: number[] = []): PartitionStore {
  return new PartitionStore(claim, {
    inserts: new Inserts(events, createBatchBlocks),
    budget: new RowBudget(400_000),
    lingerMs: () => 1,
    refuse: (all) => {
      refused.push(...all.map(({ unit }) => unit.record.offset));
      return Promise.resolve();
    },
  });
}

const life = new SimulatedHost({ seed: 3, processes: 10 });

function unitsAt(...offsets: number[]): Unit[] {
  return offsets.map((offset) => {
    const value = life.live(20);
    const record: BusRecord = { topic: 'lineage', partition: 3, offset, key: 't:h', value, headers: {} };
    const owner = { tenantId: 't', hostId: 'h' };
    return { record, opened: { record, owner, batch: openBatch(value), isReplayed: false } };
  });
}

/** 800 rows with texts of 6 MiB: 52 KB as a batch, as many as 12,800 rows. */
function longUnit(offset: number): Unit {
  const [uid, path] = [new Uint8Array(16).fill(1), 'x'.repeat(4_096)];
  const process = { uid, parentUid: uid, pid: 1, startTimeUs: 1, imagePath: '/bin/true' };
  const writer = new BatchWriter();
  for (let row = 0; row < 800; row++)
    writer.add({ kind: event.EventKind.FILE_RENAME, timeUs: 1, process, path, target: path });
  const value = writer.finish({ streamId: uid, batchSeq: offset });
  const record: BusRecord = { topic: 'lineage', partition: 3, offset, key: 't:h', value, headers: {} };
  const owner = { tenantId: 't', hostId: 'h' };
  return { record, opened: { record, owner, batch: openBatch(value), isReplayed: false } };
}

const stays = new AbortController().signal;

async function repeat(store: PartitionStore, units: readonly Unit[]): Promise<void> {
  store.addRepeated(units.filter(({ record }) => store.isRepeated(record.offset)));
  await store.endRepeat();
}

describe('the batches of a partition', () => {
  it('are written down before they are inserted, without those that were dropped', async () => {
    const [claim, events] = [new FakeClaim(), new FakeEvents()];
    events.hold();
    const { settled } = await storeOf(claim, events).add(unitsAt(5, 6, 9), stays);
    while (claim.plans.length === 0) await sleep(5);
    expect([claim.plans, [...events.stored]]).toEqual([['5-6,9-9'], []]);
    events.release();
    await settled;
    expect([...events.stored.keys()]).toEqual(['lineage:3:5-6,9-9']);
  });

  it('are stored although ClickHouse ended between their token and their part', async () => {
    const [claim, events] = [new FakeClaim('5-6'), new FakeEvents()];
    events.forgotten.add('lineage:3:5-6');
    await repeat(storeOf(claim, events), unitsAt(5, 6));
    expect([...events.stored]).toEqual([['lineage:3:5-6/1', 40]]);
  });

  it('are cut by the text that their rows have, not by their number alone', async () => {
    const [claim, events] = [new FakeClaim(), new FakeEvents()];
    const offsets = Array.from({ length: 24 }, (_, at) => at + 1);
    events.hold();
    const added = storeOf(claim, events).add(offsets.map(longUnit), stays);
    await setImmediate();
    events.release();
    await (
      await added
    ).settled;
    // The second gathered more while the first was on its way, and no more than it may.
    expect([...events.stored.keys()]).toEqual(['lineage:3:1-4', 'lineage:3:5-20', 'lineage:3:21-24']);
  });

  it('are stored once when the insert of the owner before comes late', async () => {
    const [claim, events] = [new FakeClaim(), new FakeEvents()];
    const units = unitsAt(5, 6, 9, 10);
    events.hold();
    const first = await storeOf(claim, events).add(units.slice(0, 3), stays);
    while (claim.plans.length === 0) await sleep(5);
    const next = claim.lose();
    await expect(
      Promise.race([first.settled, sleep(20).then(() => Promise.reject(new Error('on its way')))]),
    ).rejects.toThrow();
    const store = storeOf(next, events);
    expect(store.repeatsUntil).toBe(9);
    const repeated = repeat(store, units);
    // Both answers come now, in whatever order.
    events.release();
    await repeated;
    await (
      await store.add(units.slice(3), stays)
    ).settled;
    expect([...events.stored.keys()]).toEqual(['lineage:3:5-6,9-9', 'lineage:3:10-10']);
  });

  it('are stored under the name that was written, when the committed offset has passed a part of the cut', async () => {
    const [claim, events] = [new FakeClaim('5-9'), new FakeEvents()];
    events.stored.set('lineage:3:5-9', 100);
    const store = storeOf(claim, events);
    await repeat(store, unitsAt(8, 9, 10));
    expect([...events.stored.keys()]).toEqual(['lineage:3:5-9']);
    expect(claim.plans).toEqual([]);
  });

  it('that were not written down when the partition was lost are not inserted', async () => {
    const [claim, events] = [new FakeClaim(), new FakeEvents()];
    const store = storeOf(claim, events);
    const { settled } = await store.add(unitsAt(1, 2), stays);
    claim.lose();
    await expect(settled).rejects.toThrow('lost');
    await sleep(20);
    expect([claim.plans, [...events.stored]]).toEqual([[], []]);
  });

  it('are stored but for one that is refused; what is left of the cut is written down at each step', async () => {
    const [claim, events, refused] = [new FakeClaim(), new FakeEvents(), [] as number[]];
    events.poison = /:(1-4|3-4|3-3)$/;
    const { settled } = await storeOf(claim, events, refused).add(unitsAt(1, 2, 3, 4), stays);
    await settled;
    expect(refused).toEqual([3]);
    expect([...events.stored.keys()]).toEqual(['lineage:3:1-2', 'lineage:3:4-4']);
    expect(claim.plans).toEqual(['1-4', '1-2;3-4', '3-3;4-4']);
  });

  it('of a cut that was taken apart are repeated as they were taken apart', async () => {
    const [claim, events] = [new FakeClaim('3-3;4-4'), new FakeEvents()];
    events.stored.set('lineage:3:4-4', 20);
    await repeat(storeOf(claim, events), unitsAt(1, 2, 3, 4));
    expect([...events.stored.keys()].sort()).toEqual(['lineage:3:3-3', 'lineage:3:4-4']);
  });

  it('do not wait for ClickHouse when the group waits for the member', async () => {
    const [claim, events] = [new FakeClaim(), new FakeEvents()];
    events.away = true;
    const store = storeOf(claim, events);
    const leaving = new AbortController();
    // Each is a span of its own, so that two cuts are full at once.
    const many = unitsAt(...Array.from({ length: 200 }, (_, n) => 2 * n));
    const added = store.add(many, leaving.signal);
    await sleep(20);
    leaving.abort(new AwayError('group_rebalances', 'the group waits'));
    await expect(added).rejects.toThrow('the group waits');
    claim.lose();
  });
});
