// Where Kafka's batches enter.
import { Controller, Inject } from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';
import type { BatchHandler, RecordBatch } from '@norn/bus';

export const RAW_HANDLER = Symbol('RawHandler');

@Controller()
export class EnrichmentController {
  constructor(@Inject(RAW_HANDLER) private readonly enrich: BatchHandler) {}

  @EventPattern('raw')
  handle(batch: RecordBatch): ReturnType<BatchHandler> {
    return this.enrich(batch);
  }
}
