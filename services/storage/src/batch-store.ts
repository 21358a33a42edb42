// Stores batches: their events, and what they say about processes.
import { type BusProducer, type Deferred, type RecordBatch, deadLettersOf } from '@norn/bus';
import { type Pipeline, timed } from '@norn/pipeline';
import type { BusRecord } from '@norn/bus';
import { type StoreWriter, createEventsBlock, createProcessesBlock, pushEvents, pushProcess } from '@norn/store';
import { Metric, count } from '@norn/telemetry';
import { DescribedProcesses } from './described-processes.ts';
import { Gatherer, type RowSource } from './gatherer.ts';
import { whileStoring } from './storage-spans.ts';
import { createStoragePipeline } from './storage.pipeline.ts';
import type { OpenedBatch } from './steps/open-batch.step.ts';
import { Watermarks } from './watermarks.ts';

/** Processes first: when a batch's events are there, so is what they refer to. */
const createBlocks = () => ({ processes: createProcessesBlock(), events: createEventsBlock() });

type Blocks = ReturnType<typeof createBlocks>;

export interface BatchStoreOptions {
  readonly writer: StoreWriter;
  readonly producer: Pick<BusProducer, 'send'>;
  readonly lingerMs: number;
}

export class BatchStore {
  readonly gatherer: Gatherer<Blocks>;
  private readonly watermarks: Watermarks;
  private readonly described = new DescribedProcesses();
  private readonly pipeline: Pipeline<BusRecord, OpenedBatch>;
  private readonly producer: Pick<BusProducer, 'send'>;

  constructor({ writer, producer, lingerMs }: BatchStoreOptions) {
    this.producer = producer;
    this.gatherer = new Gatherer({ create: createBlocks, writer, lingerMs });
    this.watermarks = new Watermarks((stream, sinceUs) => writer.highestStored({ ...stream, sinceUs }));
    this.pipeline = createStoragePipeline(this.watermarks);
  }

  /** The partition was somebody else's, or its last batch failed: what is stored is asked again. */
  async prepare(partition: number): Promise<void> {
    await this.gatherer.drain();
    this.watermarks.forget(partition);
    this.described.clear();
  }

  handle(batch: RecordBatch): Promise<Deferred> {
    return whileStoring(batch.records, () => this.take(batch));
  }

  private async take({ topic, partition, records }: RecordBatch): Promise<Deferred> {
    const result = await this.pipeline.run(records);
    await this.producer.send('deadLetter', deadLettersOf('storage', records, result));
    const [first, last] = [records[0], records.at(-1)];
    if (first === undefined || last === undefined) return { settled: Promise.resolve() };
    const source = { topic, partition, firstOffset: first.offset, lastOffset: last.offset };
    const stored = await this.push(
      source,
      result.ok.map(({ value }) => value),
    );
    // A batch that came again may be one whose rows are still on their way: it is not done before they are.
    const settled =
      result.dropped.length > 0
        ? this.gatherer.pending.settled
        : Promise.all(stored.map((one) => one.settled)).then(() => undefined);
    return { settled };
  }

  private async push(source: RowSource, opened: readonly OpenedBatch[]): Promise<Deferred[]> {
    const stored: Deferred[] = [];
    for (const [month, batches] of byMonth(opened)) {
      const add = (blocks: Blocks): void => {
        timed({ stage: 'storage', step: 'pushRows' }, () => {
          for (const one of batches) this.pushOne(blocks, one);
        });
      };
      stored.push(await this.gatherer.add(source, add, month));
    }
    return stored;
  }

  private pushOne(blocks: Blocks, { owner, batch }: OpenedBatch): void {
    for (const process of this.described.newIn(batch)) pushProcess(blocks.processes, owner, batch, process);
    pushEvents(blocks.events, owner, batch);
    count(Metric.StageEvents, batch.eventCount, { stage: 'storage' });
  }
}

/** An insert goes into one partition of the table, so that it is stored as a whole or not at all. */
function byMonth(opened: readonly OpenedBatch[]): Map<string, OpenedBatch[]> {
  const months = new Map<string, OpenedBatch[]>();
  for (const one of opened) {
    const month = new Date(one.batch.baseTimeUs / 1000).toISOString().slice(0, 7);
    const batches = months.get(month);
    if (batches === undefined) months.set(month, [one]);
    else batches.push(one);
  }
  return months;
}
