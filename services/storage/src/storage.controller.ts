// Where Kafka's batches enter.
import { Controller } from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';
import type { Deferred, RecordBatch } from '@norn/bus';
import { BatchStore } from './batch-store.ts';
import { RecordStore } from './record-store.ts';

@Controller()
export class StorageController {
  constructor(
    private readonly batches: BatchStore,
    private readonly records: RecordStore,
  ) {}

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
