// Where Kafka's batches enter.
import { Controller, Inject } from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';
import type { BatchHandler, RecordBatch } from '@norn/bus';
import { TreeKeeper } from './tree-keeper.ts';

export const ENRICHED_HANDLER = Symbol('EnrichedHandler');

@Controller()
export class ProcessTreeController {
  constructor(
    @Inject(ENRICHED_HANDLER) private readonly grow: BatchHandler,
    private readonly keeper: TreeKeeper,
  ) {}

  @EventPattern('enriched')
  handle(batch: RecordBatch): Promise<void> {
    const nextOffset = (batch.records.at(-1)?.offset ?? -1) + 1;
    return this.keeper.during(batch.partition, nextOffset, () => this.grow(batch));
  }
}
