// Where what hosts had to say enters, and partitions of tenants come and go.
import { Controller } from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';
import type { RecordBatch, TopicName } from '@norn/bus';
import type { PartitionOwner } from '@norn/stage';
import { TenantDetector } from './tenant-detector.ts';

@Controller()
export class TenantController implements PartitionOwner {
  constructor(private readonly detector: TenantDetector) {}

  prepare(_: TopicName, partition: number, nextOffset: number): Promise<void> {
    return this.detector.prepare(partition, nextOffset);
  }

  release(_: TopicName, partition: number): void {
    this.detector.release(partition);
  }

  @EventPattern('occurrences')
  handle(batch: RecordBatch): Promise<void> {
    return this.detector.handle(batch);
  }
}
