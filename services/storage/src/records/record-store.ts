// Stores findings, alerts, outcomes and containers: tables whose newest version of a row wins, so a record that comes again changes nothing.
import type { OnModuleDestroy } from '@nestjs/common';
import { NornError } from '@norn/base';
import { type BusProducer, type BusRecord, type Deferred, type RecordBatch, deadLetterOf } from '@norn/bus';
import type { Pipeline } from '@norn/pipeline';
import type { StoreWriter } from '@norn/store';
import { Gatherer } from './gatherer.ts';
import { Inserts } from '../inserts/inserts.ts';
import { type RecordBlocks, createRecordBlocks } from './record-blocks.ts';
import { createRecordPipelines } from '../storage.pipeline.ts';
import { settledOf, whileStoring } from '../inserts/while-storing.ts';

export interface RecordStoreOptions {
  readonly writer: StoreWriter;
  readonly producer: Pick<BusProducer, 'send'>;
  readonly lingerMs: number;
}

export class RecordStore implements OnModuleDestroy {
  readonly gatherer: Gatherer<RecordBlocks>;
  private readonly pipelines: Readonly<Record<string, Pipeline<BusRecord, Deferred>>>;

  constructor({ writer, producer, lingerMs }: RecordStoreOptions) {
    this.gatherer = new Gatherer({
      inserts: new Inserts(writer, createRecordBlocks),
      lingerMs,
      refuse: (refused) =>
        producer.send(
          'deadLetter',
          refused.map(({ unit: { record }, error }) =>
            deadLetterOf(record, { stage: 'storage', reason: 'refused', error, attempts: 1 }),
          ),
        ),
    });
    this.pipelines = createRecordPipelines(this.gatherer, producer);
  }

  onModuleDestroy(): void {
    this.gatherer.close();
  }

  handle(batch: RecordBatch): Promise<Deferred> {
    return whileStoring(batch.records, () => this.take(batch));
  }

  private async take({ topic, records, leaving }: RecordBatch): Promise<Deferred> {
    const flow = this.pipelines[topic];
    if (flow === undefined) throw new NornError('topic_unknown', `Storage has no table for ${topic}`);
    return settledOf(await flow.run(records, leaving));
  }
}
