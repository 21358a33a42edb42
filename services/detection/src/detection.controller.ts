// Where Kafka's batches enter, and partitions of hosts come and go.
import { Controller } from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';
import type { RecordBatch, TopicName } from '@norn/bus';
import type { PartitionOwner } from '@norn/stage';
import { Detector } from './detector.ts';

@Controller()
export class DetectionController implements PartitionOwner {
  constructor(private readonly detector: Detector) {}

  prepare(_: TopicName, partition: number, nextOffset: number): Promise<void> {
    return this.detector.prepare(partition, nextOffset);
  }

  release(_: TopicName, partition: number): void {
    this.detector.release(partition);
  }

  @EventPattern('lineage')
  handle(batch: RecordBatch): Promise<void> {
    return this.detector.handle(batch);
  }
}
