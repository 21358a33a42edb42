// Gathers rows of many batches into large inserts: one block is being filled while the one before is on its way.
// An insert is tried until it succeeds; meanwhile the next block fills up, and then whoever brings rows waits.
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '@norn/base';
import type { Deferred } from '@norn/bus';
import type { AnyBlock, StoreWriter } from '@norn/store';
import { Metric, count, createLogger, record } from '@norn/telemetry';

/** Where rows come from; names the insert, so the same insert tried again stores nothing twice. */
export interface RowSource {
  readonly topic: string;
  readonly partition: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
}

export interface GathererOptions<Blocks> {
  readonly create: () => Blocks;
  readonly writer: Pick<StoreWriter, 'insert'>;
  /** How long rows wait for more, ms. */
  readonly lingerMs: number;
}

/** Rows that make an insert worth its while before the linger has passed. */
const rowsWanted = 50_000;
/** Rows that a block takes: beyond, whoever brings more waits. */
const rowsMax = 200_000;
const retryMs = { first: 100, most: 5_000 };

interface Filling<Blocks> {
  readonly blocks: Blocks;
  sources: RowSource[];
  /** Rows of different labels do not share an insert. */
  label: string;
  settled: PromiseWithResolvers<void>;
}

export class Gatherer<Blocks extends Readonly<Record<string, AnyBlock>>> {
  private readonly logger = createLogger('storage');
  private readonly stopped = new AbortController();
  private filling: Filling<Blocks>;
  private spare: Filling<Blocks>;
  private inFlight: Promise<void> | undefined;
  private onItsWay: Filling<Blocks> | undefined;
  private timer: NodeJS.Timeout | undefined;
  /** Why the insert on its way has failed last; empty while all is well. */
  failure = '';

  constructor(private readonly options: GathererOptions<Blocks>) {
    this.filling = emptyFilling(options.create());
    this.spare = emptyFilling(options.create());
  }

  /** Pushes rows when there is room for them. They are stored when `settled` is. `push` must not fail half-way. */
  async add(source: RowSource, push: (blocks: Blocks) => void, label = ''): Promise<Deferred> {
    await this.room(label);
    const { filling } = this;
    filling.label = label;
    push(filling.blocks);
    filling.sources.push(source);
    const { promise: settled } = filling.settled;
    this.pump();
    return { settled };
  }

  /** Settles when all that was added so far is stored. */
  get pending(): Deferred {
    const settled: Promise<void>[] = [];
    if (this.onItsWay !== undefined) settled.push(this.onItsWay.settled.promise);
    if (this.filling.sources.length > 0) settled.push(this.filling.settled.promise);
    return { settled: Promise.all(settled).then(() => undefined) };
  }

  get waitingRows(): number {
    return rowsOf(this.filling.blocks);
  }

  /** Resolves when everything that was added is stored. */
  async drain(): Promise<void> {
    while (this.filling.sources.length > 0 || this.inFlight !== undefined) {
      this.flush();
      await this.inFlight;
    }
  }

  /** Gives up what is not stored: its offsets are not committed, so it comes again. */
  close(): void {
    clearTimeout(this.timer);
    this.stopped.abort();
  }

  private async room(label: string): Promise<void> {
    for (;;) {
      this.stopped.signal.throwIfAborted();
      const { filling } = this;
      const hasRoom = rowsOf(filling.blocks) < rowsMax;
      if (filling.sources.length === 0 || (hasRoom && filling.label === label)) return;
      this.flush();
      await this.inFlight;
    }
  }

  private pump(): void {
    if (rowsOf(this.filling.blocks) >= rowsWanted) this.flush();
    else
      this.timer ??= setTimeout(() => {
        this.flush();
      }, this.options.lingerMs);
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.inFlight !== undefined || this.filling.sources.length === 0) return;
    const full = this.filling;
    this.filling = this.spare;
    this.onItsWay = full;
    this.inFlight = this.store(full).finally(() => {
      this.spare = full;
      this.onItsWay = undefined;
      this.inFlight = undefined;
      if (this.filling.sources.length > 0 && !this.stopped.signal.aborted) this.pump();
    });
  }

  /** Never rejects: who waits for the rows is told. */
  private async store(full: Filling<Blocks>): Promise<void> {
    const token = tokenOf(full.sources);
    try {
      for (const block of Object.values(full.blocks)) if (block.rows > 0) await this.insert(block, token);
      full.settled.resolve();
    } catch (error) {
      full.settled.reject(error);
    }
    for (const block of Object.values(full.blocks)) block.clear();
    full.sources = [];
    full.settled = settledLater();
  }

  private async insert(block: AnyBlock, token: string): Promise<void> {
    const { table } = block;
    for (let waitMs = retryMs.first; ; waitMs = Math.min(waitMs * 2, retryMs.most)) {
      const start = performance.now();
      try {
        await this.options.writer.insert(block, token);
        record(Metric.StorageInsertMs, performance.now() - start, { table });
        count(Metric.StorageInserts, 1, { table });
        count(Metric.StorageRows, block.rows, { table });
        this.failure = '';
        return;
      } catch (error) {
        if (this.failure === '') this.logger.warn({ code: 'insert_failed', table }, messageOf(error));
        this.failure = messageOf(error);
        count(Metric.StorageInsertRetries, 1, { table });
        await sleep(waitMs, undefined, { signal: this.stopped.signal });
      }
    }
  }
}

function emptyFilling<Blocks>(blocks: Blocks): Filling<Blocks> {
  return { blocks, sources: [], label: '', settled: settledLater() };
}

function settledLater(): Filling<unknown>['settled'] {
  const later: Filling<unknown>['settled'] = Promise.withResolvers();
  // Nobody may be waiting when it is given up at the end.
  later.promise.catch(() => undefined);
  return later;
}

function rowsOf(blocks: Readonly<Record<string, AnyBlock>>): number {
  let rows = 0;
  for (const name in blocks) rows = Math.max(rows, blocks[name]?.rows ?? 0);
  return rows;
}

/** `topic:partition:first-last`, one for each partition. */
function tokenOf(sources: readonly RowSource[]): string {
  const ranges = new Map<string, { first: number; last: number }>();
  for (const { topic, partition, firstOffset, lastOffset } of sources) {
    const name = `${topic}:${partition}`;
    const range = ranges.get(name) ?? { first: firstOffset, last: lastOffset };
    ranges.set(name, { first: Math.min(range.first, firstOffset), last: Math.max(range.last, lastOffset) });
  }
  return [...ranges]
    .map(([name, { first, last }]) => `${name}:${first}-${last}`)
    .sort()
    .join(',');
}
