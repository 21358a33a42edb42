import { setTimeout as sleep } from 'node:timers/promises';
import { NativeBlock, type AnyBlock } from '@norn/store';
import { Gatherer } from './gatherer.ts';

/** A fake of ClickHouse that can be held up and made to fail. */
class FakeWriter {
  readonly inserts: { readonly token: string; readonly rows: number }[] = [];
  failures = 0;
  private gate: Promise<void> = Promise.resolve();
  release: () => void = () => undefined;

  hold(): void {
    this.gate = new Promise((resolve) => {
      this.release = resolve;
    });
  }

  async insert(block: AnyBlock, token: string): Promise<void> {
    const { rows } = block;
    await this.gate;
    if (this.failures-- > 0) throw new Error('ClickHouse is away');
    this.inserts.push({ token, rows });
  }
}

function aGatherer(writer: FakeWriter) {
  return new Gatherer({ create: () => ({ things: new NativeBlock('things', {}) }), writer, lingerMs: 1 });
}

type Blocks = Parameters<Parameters<ReturnType<typeof aGatherer>['add']>[1]>[0];

const rows =
  (count: number) =>
  (blocks: Blocks): void => {
    blocks.things.rows += count;
  };

function from(partition: number, firstOffset: number, lastOffset: number) {
  return { topic: 'lineage', partition, firstOffset, lastOffset };
}

describe('rows that are gathered', () => {
  it('share one insert, named by all they come from', async () => {
    const writer = new FakeWriter();
    const gatherer = aGatherer(writer);
    const added = [
      await gatherer.add(from(1, 7, 9), rows(2)),
      await gatherer.add(from(0, 3, 5), rows(1)),
      await gatherer.add(from(1, 10, 12), rows(4)),
    ];
    await Promise.all(added.map(({ settled }) => settled));
    expect(writer.inserts).toEqual([{ token: 'lineage:0:3-5,lineage:1:7-12', rows: 7 }]);
  });

  it('are inserted under the same name until it succeeds', async () => {
    const writer = new FakeWriter();
    writer.failures = 2;
    const { settled } = await aGatherer(writer).add(from(0, 1, 1), rows(3));
    await settled;
    expect(writer.inserts).toEqual([{ token: 'lineage:0:1-1', rows: 3 }]);
  });

  it('gather while an insert is on its way, and settle in their own time', async () => {
    const writer = new FakeWriter();
    const gatherer = aGatherer(writer);
    writer.hold();
    const first = await gatherer.add(from(0, 1, 1), rows(1));
    await sleep(20);
    const second = await gatherer.add(from(0, 2, 2), rows(1));
    writer.release();
    await first.settled;
    await second.settled;
    expect(writer.inserts.map(({ token }) => token)).toEqual(['lineage:0:1-1', 'lineage:0:2-2']);
  });

  it('of different months do not share an insert', async () => {
    const writer = new FakeWriter();
    const gatherer = aGatherer(writer);
    await gatherer.add(from(0, 1, 1), rows(1), '2026-11');
    const { settled } = await gatherer.add(from(0, 2, 2), rows(1), '2026-12');
    await settled;
    expect(writer.inserts).toHaveLength(2);
  });

  it('make whoever brings more wait when two blocks are full', async () => {
    const writer = new FakeWriter();
    const gatherer = aGatherer(writer);
    writer.hold();
    await gatherer.add(from(0, 1, 1), rows(200_000));
    await gatherer.add(from(0, 2, 2), rows(200_000));
    let isTaken = false;
    const third = gatherer.add(from(0, 3, 3), rows(1)).then(({ settled }) => {
      isTaken = true;
      return settled;
    });
    await sleep(20);
    expect(isTaken).toBe(false);
    writer.release();
    await third;
    expect(writer.inserts.map(({ rows: count }) => count)).toEqual([200_000, 200_000, 1]);
  });

  it('are given up at the end, and whoever waits is told', async () => {
    const writer = new FakeWriter();
    writer.failures = Infinity;
    const gatherer = aGatherer(writer);
    const { settled } = await gatherer.add(from(0, 1, 1), rows(1));
    await sleep(10);
    gatherer.close();
    await expect(settled).rejects.toThrow();
  });
});
