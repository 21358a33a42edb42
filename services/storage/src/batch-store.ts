// Stores batches: their events, and what they say about processes. Each partition by itself.
import {
  type BusProducer,
  type BusRecord,
  type Claim,
  type Deferred,
  type RecordBatch,
  deadLetterOf,
  deadLettersOf,
} from '@norn/bus';
import { type Pipeline, each, pipeline } from '@norn/pipeline';
import type { StoreWriter } from '@norn/store';
import { Inserts } from './inserts.ts';
import { type BatchBlocks, PartitionStore, type Unit, createBatchBlocks } from './partition-store.ts';
import { RowBudget } from './row-budget.ts';
import { whileStoring } from './storage-spans.ts';
import { createStoragePipeline } from './storage.pipeline.ts';
import { type OpenedBatch, createOpenBatch } from './steps/open-batch.step.ts';
import { Watermarks } from './watermarks.ts';

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
  readonly pipeline: Pipeline<BusRecord, OpenedBatch>;
}

export class BatchStore {
  readonly inserts: Inserts<BatchBlocks>;
  private readonly partitions = new Map<number, Partition>();
  private readonly budget = new RowBudget(waitingRowsMax);
  /** For what is repeated: it was new when it was planned. */
  private readonly opening = pipeline<BusRecord>('storage').pipe(each(createOpenBatch()));

  constructor(private readonly options: BatchStoreOptions) {
    this.inserts = new Inserts(options.writer, createBatchBlocks);
  }

  get waitingRows(): number {
    return this.budget.rows;
  }

  /** The partition was somebody else's, or its last batch failed: what is stored is asked again, and what was planned is repeated. */
  prepare(partition: number, claim: Claim): void {
    const { writer } = this.options;
    const watermarks = new Watermarks(
      (stream, sinceUs) => writer.highestStored({ ...stream, sinceUs }),
      (stream, batchSeq, sinceUs) => writer.isStored({ ...stream, sinceUs }, batchSeq),
    );
    const store = new PartitionStore(claim, {
      inserts: this.inserts,
      budget: this.budget,
      lingerMs: () => this.lingerMs,
      refuse: (refused) =>
        this.options.producer.send(
          'deadLetter',
          refused.map(({ unit, error }) =>
            deadLetterOf(unit.record, { stage: 'storage', reason: 'refused', error, attempts: 1 }),
          ),
        ),
    });
    this.partitions.set(partition, { store, pipeline: createStoragePipeline(watermarks) });
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
    if (rest.length > 0) settled.push((await this.store(partition, rest, batch.leaving)).settled);
    return { settled: Promise.all(settled).then(() => undefined) };
  }

  /** What is not of the plan was dropped or refused by who made it. */
  private async repeat({ store }: Partition, records: readonly BusRecord[]): Promise<Deferred> {
    const planned = records.filter(({ offset }) => store.isRepeated(offset));
    const { ok } = await this.opening.run(planned);
    return store.addRepeated(ok.map(({ source, value }) => unitOf(planned[source], value)));
  }

  private async store(
    { store, pipeline: flow }: Partition,
    records: readonly BusRecord[],
    leaving: AbortSignal | undefined,
  ): Promise<Deferred> {
    const result = await flow.run(records);
    await this.options.producer.send('deadLetter', deadLettersOf('storage', records, result));
    const units = result.ok.map(({ source, value }) => unitOf(records[source], value));
    return store.add(units, leaving ?? new AbortController().signal);
  }
}

function unitOf(record: BusRecord | undefined, opened: OpenedBatch): Unit {
  if (record === undefined) throw new Error('The pipeline names a record that it was not given');
  return { record, opened };
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
