// Gathers rows of many records into large inserts, for tables in which a row that comes again replaces itself: records of all topics and partitions share
// one. One insert is on its way while the next is gathered. It is tried until it succeeds; meanwhile whoever brings more waits.
import { setTimeout as sleep } from 'node:timers/promises';
import type { BusRecord, Deferred } from '@norn/bus';
import type { AnyBlock } from '@norn/store';
import { cutText, spansOf } from '../inserts/cut.ts';
import { type Refused, insertHalving } from '../inserts/halve.ts';
import type { Inserts } from '../inserts/inserts.ts';

/** A record, and how its rows are pushed: as often as it is asked. */
export interface RecordRows<Blocks> {
  readonly record: BusRecord;
  readonly push: (blocks: Blocks) => void;
}

export interface GathererOptions<Blocks extends Readonly<Record<string, AnyBlock>>> {
  readonly inserts: Inserts<Blocks>;
  /** How long rows wait for more, ms. */
  readonly lingerMs: number;
  /** Told of what ClickHouse does not take, before those that came with it are settled. */
  readonly refuse: (refused: readonly Refused<RecordRows<Blocks>>[]) => Promise<void>;
}

/** Records that make an insert worth its while before the linger has passed. */
const recordsWanted = 10_000;
/** Records that wait for an insert: beyond, whoever brings more waits. */
const recordsMax = 20_000;
/** How long until what could not be told of, or nothing of which was taken, is tried again, ms. */
const againMs = 2_000;

interface Filling<Blocks> {
  readonly records: RecordRows<Blocks>[];
  readonly settled: PromiseWithResolvers<void>;
}

export class Gatherer<Blocks extends Readonly<Record<string, AnyBlock>>> {
  private readonly stopped = new AbortController();
  private filling = emptyFilling<Blocks>();
  private inFlight: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: GathererOptions<Blocks>) {}

  get failure(): string {
    return this.options.inserts.failure;
  }

  get waitingRecords(): number {
    return this.filling.records.length;
  }

  /** Takes the records when there is room for them. Their rows are stored when `settled` is. */
  async add(records: readonly RecordRows<Blocks>[]): Promise<Deferred> {
    while (this.filling.records.length >= recordsMax) {
      this.stopped.signal.throwIfAborted();
      this.flush();
      await this.inFlight;
    }
    this.filling.records.push(...records);
    const { promise: settled } = this.filling.settled;
    this.pump();
    return { settled };
  }

  /** Gives up what is not stored: its offsets are not committed, so it comes again. */
  close(): void {
    clearTimeout(this.timer);
    this.stopped.abort();
    this.filling.settled.reject(this.stopped.signal.reason);
  }

  private pump(): void {
    if (this.filling.records.length >= recordsWanted) this.flush();
    else
      this.timer ??= setTimeout(() => {
        this.flush();
      }, this.options.lingerMs);
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.inFlight !== undefined || this.stopped.signal.aborted) return;
    const full = this.filling;
    this.filling = emptyFilling();
    this.inFlight = this.store(full).finally(() => {
      this.inFlight = undefined;
      if (this.filling.records.length > 0 && !this.stopped.signal.aborted) this.pump();
    });
  }

  /** Never rejects: who waits for the rows is told. */
  private async store({ records, settled }: Filling<Blocks>): Promise<void> {
    const { signal } = this.stopped;
    while (!signal.aborted) {
      try {
        const insert = (cut: readonly RecordRows<Blocks>[]): Promise<void> => this.insert(cut);
        const refused = await insertHalving(records.length === 0 ? [] : [records], { insert, signal });
        if (refused.length > 0) await this.options.refuse(refused);
        settled.resolve();
        return;
      } catch (error) {
        this.options.inserts.failure = error instanceof Error ? error.message : String(error);
        await sleep(againMs, undefined, { signal }).catch(() => undefined);
      }
    }
    settled.reject(signal.reason);
  }

  private insert(cut: readonly RecordRows<Blocks>[]): Promise<void> {
    const build = (blocks: Blocks): void => {
      for (const { push } of cut) push(blocks);
    };
    return this.options.inserts.make({ token: tokenOf(cut), build, signal: this.stopped.signal });
  }
}

function emptyFilling<Blocks>(): Filling<Blocks> {
  const settled: Filling<Blocks>['settled'] = Promise.withResolvers();
  // Nobody may be waiting when it is given up at the end.
  settled.promise.catch(() => undefined);
  return { records: [], settled };
}

/** `topic:partition:first-last`, one for each partition. */
function tokenOf(records: readonly RecordRows<never>[]): string {
  const offsets = new Map<string, number[]>();
  for (const { record } of records) {
    const name = `${record.topic}:${record.partition}`;
    const known = offsets.get(name);
    if (known === undefined) offsets.set(name, [record.offset]);
    else known.push(record.offset);
  }
  return [...offsets]
    .map(([name, of]) => `${name}:${cutText(spansOf(of))}`)
    .sort()
    .join(';');
}
