// Where Kafka's batches enter, and partitions come and go.
import { Controller, Inject } from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';
import {
  type BatchHandler,
  type BusProducer,
  type Claim,
  type RecordBatch,
  type TopicName,
  createStageHandler,
} from '@norn/bus';
import { PRODUCER, type PartitionOwner } from '@norn/stage';
import { createProcessTreePipeline } from './process-tree.pipeline.ts';
import { TreeKeeper } from './tree-keeper.ts';

@Controller()
export class ProcessTreeController implements PartitionOwner {
  private readonly grow: BatchHandler;

  constructor(
    private readonly keeper: TreeKeeper,
    @Inject(PRODUCER) producer: BusProducer,
  ) {
    this.grow = createStageHandler('process-tree', createProcessTreePipeline(keeper, producer));
  }

  prepare(_: TopicName, partition: number, nextOffset: number, claim: Claim): Promise<void> {
    return this.keeper.prepare(partition, nextOffset, claim);
  }

  release(_: TopicName, partition: number): void {
    this.keeper.release(partition);
  }

  @EventPattern('enriched')
  handle(batch: RecordBatch): Promise<void> {
    const nextOffset = (batch.records.at(-1)?.offset ?? -1) + 1;
    return this.keeper.during(batch.partition, nextOffset, () => this.grow(batch));
  }
}
