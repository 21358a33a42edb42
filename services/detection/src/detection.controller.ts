// Where Kafka's batches enter.
import { Controller } from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';
import type { RecordBatch } from '@norn/bus';
import { Detector } from './detector.ts';

@Controller()
export class DetectionController {
  constructor(private readonly detector: Detector) {}

  @EventPattern('lineage')
  handle(batch: RecordBatch): Promise<void> {
    return this.detector.handle(batch);
  }
}
