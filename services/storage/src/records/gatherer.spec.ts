import { setTimeout as sleep } from 'node:timers/promises';
import { AwayError, NornError } from '@norn/base';
import { type AnyBlock, NativeBlock } from '@norn/store';
import { Gatherer, type RecordRows } from './gatherer.ts';
import { Inserts } from '../inserts/inserts.ts';

/** A fake of ClickHouse that can be held up and made to fail. */
class FakeWriter {
  readonly inserts: { readonly token: string; readonly rows: number }[] = [];
  failures = 0;
  /** An insert of a token that matches is refused for its rows. */
  poison = /never/;
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
    if (this.failures-- > 0) throw new AwayError('insert_failed', 'ClickHouse is away');
    if (this.poison.test(token)) throw new NornError('rows_refused', 'A row is wrong');
    this.inserts.push({ token, rows });
  }

  /** Only rows of events are looked for. */
  insertMissing(): Promise<void> {
    return Promise.reject(new Error('Nobody asks'));
  }
}

interface Blocks extends Readonly<Record<string, AnyBlock>> {
  readonly things: AnyBlock;
}

function aGatherer(writer: FakeWriter, refused: number[] = []) {
  return new Gatherer<Blocks>({
    inserts: new Inserts<Blocks>(writer, () => ({ things: new NativeBlock('things', {}) })),
    lingerMs: 1,
    refuse: (all) => {
      refused.push(...all.map(({ unit }) => unit.record.offset));
      return Promise.resolve();
    },
  });
}

/** Of each offset one row. */
function from(partition: number, first: number, last: number): RecordRows<Blocks>[] {
  return Array.from({ length: last - first + 1 }, (_, at) => ({
    record: { topic: 'alerts', partition, offset: first + at, key: 't:h', value: new Uint8Array(0), headers: {} },
    push: ({ things }) => {
      things.rows += 1;
    },
  }));
}

describe('rows that are gathered', () => {
  it('share one insert, named by all they come from', async () => {
    const writer = new FakeWriter();
    const gatherer = aGatherer(writer);
    const added = [
      await gatherer.add(from(1, 7, 9)),
      await gatherer.add(from(0, 3, 5)),
      await gatherer.add(from(1, 10, 12)),
    ];
    await Promise.all(added.map(({ settled }) => settled));
    expect(writer.inserts).toEqual([{ token: 'alerts:0:3-5;alerts:1:7-12', rows: 9 }]);
  });

  it('are inserted under the same name until it succeeds', async () => {
    const writer = new FakeWriter();
    writer.failures = 2;
    const { settled } = await aGatherer(writer).add(from(0, 1, 3));
    await settled;
    // What went wrong may have been told wrongly: rows that come again replace themselves.
    expect(writer.inserts).toEqual([
      { token: 'alerts:0:1-3', rows: 3 },
      { token: 'alerts:0:1-3/1', rows: 3 },
    ]);
  });

  it('gather while an insert is on its way, and settle in their own time', async () => {
    const writer = new FakeWriter();
    const gatherer = aGatherer(writer);
    writer.hold();
    const first = await gatherer.add(from(0, 1, 1));
    await sleep(20);
    const second = await gatherer.add(from(0, 2, 2));
    writer.release();
    await first.settled;
    await second.settled;
    expect(writer.inserts.map(({ token }) => token)).toEqual(['alerts:0:1-1', 'alerts:0:2-2']);
  });

  it('are stored but for the record that is refused, and it is told of before the others are settled', async () => {
    const writer = new FakeWriter();
    writer.poison = /alerts:0:(1-9|6-9|6-7|7-7)$/;
    const refused: number[] = [];
    const { settled } = await aGatherer(writer, refused).add(from(0, 1, 9));
    await settled;
    expect(refused).toEqual([7]);
    expect(writer.inserts.map(({ token }) => token)).toEqual(['alerts:0:1-5', 'alerts:0:6-6', 'alerts:0:8-9']);
  });

  it('that can not be made of a record are refused with a code', async () => {
    const errors: unknown[] = [];
    const gatherer = new Gatherer<Blocks>({
      inserts: new Inserts<Blocks>(new FakeWriter(), () => ({ things: new NativeBlock('things', {}) })),
      lingerMs: 1,
      refuse: (all) => {
        errors.push(...all.map(({ error }) => error));
        return Promise.resolve();
      },
    });
    const [good, bad] = from(0, 1, 2);
    if (good === undefined || bad === undefined) throw new Error('Two records');
    const tooLarge = (): void => {
      Buffer.alloc(4).writeUInt32LE(2 ** 32);
    };
    const { settled } = await gatherer.add([good, { ...bad, push: tooLarge }]);
    await settled;
    expect(errors).toMatchObject([{ code: 'rows_refused', message: expect.stringContaining('4294967296') as string }]);
  });

  it('are not taken for wrong when all of them are refused: it is the table', async () => {
    const writer = new FakeWriter();
    writer.poison = /./;
    const refused: number[] = [];
    const gatherer = aGatherer(writer, refused);
    const { settled } = await gatherer.add(from(0, 1, 20));
    while (gatherer.failure === '') await sleep(5);
    expect(refused).toEqual([]);
    gatherer.close();
    await expect(settled).rejects.toThrow();
  });

  it('make whoever brings more wait when too many wait already', async () => {
    const writer = new FakeWriter();
    const gatherer = aGatherer(writer);
    writer.hold();
    await gatherer.add(from(0, 0, 19_999));
    await gatherer.add(from(0, 20_000, 39_999));
    let isTaken = false;
    const third = gatherer.add(from(0, 40_000, 40_000)).then(({ settled }) => {
      isTaken = true;
      return settled;
    });
    await sleep(20);
    expect(isTaken).toBe(false);
    writer.release();
    await third;
    expect(writer.inserts.map(({ rows: count }) => count)).toEqual([20_000, 20_000, 1]);
  });

  it('are given up at the end, and whoever waits is told', async () => {
    const writer = new FakeWriter();
    writer.failures = Infinity;
    const gatherer = aGatherer(writer);
    const { settled } = await gatherer.add(from(0, 1, 1));
    await sleep(10);
    gatherer.close();
    await expect(settled).rejects.toThrow();
  });
});
