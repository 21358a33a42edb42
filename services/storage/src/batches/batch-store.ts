// Stores batches: their events, and what they say about processes. Each partition by itself.
import { type BusProducer, type BusRecord, type Claim, type Deferred, type RecordBatch, deadLetterOf } from '@norn/bus';
import type { DeadLetter, Pipeline } from '@norn/pipeline';
import type { StoreWriter } from '@norn/store';
import { Inserts } from '../inserts/inserts.ts';
import { type BatchBlocks, PartitionStore, createBatchBlocks } from './partition-store.ts';
import { RowBudget } from '../inserts/row-budget.ts';
import { createBatchPipeline, createRepeatPipeline } from '../storage.pipeline.ts';
import { Watermarks } from './watermarks.ts';
import { settledOf, whileStoring } from '../inserts/while-storing.ts';

export interface BatchStoreOptions {
  readonly writer: StoreWriter;
  readonly producer: Pick<BusProducer, 'send'>;
  readonly lingerMs: number;
}

/** Rows that wait for their insert, of all partitions. */
const waitingRowsMax = 400_000;
/** Each partition's rows are an insert: with many partitions they wait longer for more, so that ClickHouse gets as many a second. */
const lingerFactorMax = 5;

interface Partition {
  readonly store: PartitionStore;
  readonly storing: Pipeline<BusRecord, Deferred>;
  readonly repeating: Pipeline<BusRecord, Deferred, DeadLetter>;
}

export class BatchStore {
  readonly inserts: Inserts<BatchBlocks>;
  private readonly partitions = new Map<number, Partition>();
  private readonly budget = new RowBudget(waitingRowsMax);

  constructor(private readonly options: BatchStoreOptions) {
    this.inserts = new Inserts(options.writer, createBatchBlocks);
  }

  get waitingRows(): number {
    return this.budget.rows;
  }

  /** The partition was somebody else's, or its last batch failed: what is stored is asked again, and what was planned is repeated. */
  prepare(partition: number, claim: Claim): void {
    const { writer, producer } = this.options;
    const watermarks = new Watermarks(
      (stream, sinceUs) => writer.highestStored({ ...stream, sinceUs }),
      (stream, batchSeq, sinceUs) => writer.isStored({ ...stream, sinceUs }, batchSeq),
    );
    const store = new PartitionStore(claim, {
      inserts: this.inserts,
      budget: this.budget,
      lingerMs: () => this.lingerMs,
      refuse: (refused) =>
        producer.send(
          'deadLetter',
          refused.map(({ unit, error }) =>
            deadLetterOf(unit.record, { stage: 'storage', reason: 'refused', error, attempts: 1 }),
          ),
        ),
    });
    const storing = createBatchPipeline(watermarks, store, producer);
    this.partitions.set(partition, { store, storing, repeating: createRepeatPipeline(store) });
  }

  handle(batch: RecordBatch): Promise<Deferred> {
    return whileStoring(batch.records, () => orLeft(this.take(batch), batch.leaving));
  }

  private get lingerMs(): number {
    const active = [...this.partitions.values()].filter(({ store }) => !store.isEmpty).length;
    return this.options.lingerMs * Math.min(Math.max(active, 1), lingerFactorMax);
  }

  private async take(batch: RecordBatch): Promise<Deferred> {
    const partition = this.partitions.get(batch.partition);
    if (partition === undefined) throw new Error(`Partition ${batch.partition} was not prepared`);
    const until = partition.store.repeatsUntil;
    const planned = batch.records.filter(({ offset }) => offset <= until);
    const settled: Promise<void>[] = [];
    if (planned.length > 0) settled.push((await this.repeat(partition, planned)).settled);
    if ((batch.records.at(-1)?.offset ?? -1) >= until) await partition.store.endRepeat();
    const rest = batch.records.slice(planned.length);
    if (rest.length > 0) settled.push(settledOf(await partition.storing.run(rest, batch.leaving)).settled);
    return { settled: Promise.all(settled).then(() => undefined) };
  }

  /** What is not of the plan was dropped or refused by who made it. */
  private async repeat({ store, repeating }: Partition, records: readonly BusRecord[]): Promise<Deferred> {
    return settledOf(await repeating.run(records.filter(({ offset }) => store.isRepeated(offset))));
  }
}

/** ClickHouse may not answer for long, and the group waits: whoever is to leave does not wait for it. */
async function orLeft<T>(work: Promise<T>, leaving: AbortSignal | undefined): Promise<T> {
  if (leaving === undefined) return work;
  const { promise, reject } = Promise.withResolvers<never>();
  const leave = (): void => {
    reject(leaving.reason as Error);
  };
  if (leaving.aborted) leave();
  leaving.addEventListener('abort', leave);
  try {
    return await Promise.race([work, promise]);
  } finally {
    leaving.removeEventListener('abort', leave);
  }
}
