// Where Kafka's batches enter, and partitions come.
import { Controller } from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';
import type { Claim, Deferred, RecordBatch, TopicName } from '@norn/bus';
import type { PartitionOwner } from '@norn/stage';
import { BatchStore } from './batches/batch-store.ts';
import { RecordStore } from './records/record-store.ts';

@Controller()
export class StorageController implements PartitionOwner {
  constructor(
    private readonly batches: BatchStore,
    private readonly records: RecordStore,
  ) {}

  prepare(topic: TopicName, partition: number, _: number, claim: Claim): Promise<void> {
    if (topic === 'lineage') this.batches.prepare(partition, claim);
    return Promise.resolve();
  }

  @EventPattern('lineage')
  lineage(batch: RecordBatch): Promise<Deferred> {
    return this.batches.handle(batch);
  }

  @EventPattern('findings')
  findings(batch: RecordBatch): Promise<Deferred> {
    return this.records.handle(batch);
  }

  @EventPattern('alerts')
  alerts(batch: RecordBatch): Promise<Deferred> {
    return this.records.handle(batch);
  }

  @EventPattern('outcomes')
  outcomes(batch: RecordBatch): Promise<Deferred> {
    return this.records.handle(batch);
  }

  @EventPattern('facts')
  facts(batch: RecordBatch): Promise<Deferred> {
    return this.records.handle(batch);
  }
}
