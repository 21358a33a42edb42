// How storage is: what waits for its insert, and why it does when ClickHouse takes none.
import { Injectable } from '@nestjs/common';
import type { HealthReport, ReportsHealth } from '@norn/stage';
import { BatchStore } from './batches/batch-store.ts';
import { RecordStore } from './records/record-store.ts';

@Injectable()
export class StorageHealth implements ReportsHealth {
  constructor(
    private readonly batches: BatchStore,
    private readonly records: RecordStore,
  ) {}

  health(): HealthReport {
    const { batches, records } = this;
    const failure = batches.inserts.failure === '' ? records.gatherer.failure : batches.inserts.failure;
    const waitingRows = batches.waitingRows + records.gatherer.waitingRecords;
    return { healthy: failure === '', details: { waitingRows, ...(failure === '' ? {} : { failure }) } };
  }
}
