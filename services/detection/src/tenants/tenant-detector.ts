// Takes the tenants of a partition over, and runs their flow over what Kafka hands out.
import { type BusRecord, type RecordBatch, recallEach } from '@norn/bus';
import type { DeadLetter, Pipeline } from '@norn/pipeline';
import type { OccurrenceHistory } from '../ports/occurrence-history.port.ts';
import { type TenantEffects, type TenantParts, sendCounted } from './tenant.pipeline.ts';
import type { TenantResult } from './tenant-envelope.ts';

export interface TenantDetectorParts extends TenantParts, TenantEffects {
  readonly pipeline: Pipeline<BusRecord, TenantResult, DeadLetter>;
  readonly history: OccurrenceHistory;
  /** Which partition a tenant's records are in. */
  readonly partitionOf: (tenantId: string) => number;
}

export class TenantDetector {
  private readonly flow: Pipeline<BusRecord, TenantResult>;

  constructor(private readonly parts: TenantDetectorParts) {
    this.flow = sendCounted(parts.pipeline, parts);
  }

  /** A partition was taken over, or a batch of it failed: what was counted is counted again before the next one. */
  async prepare(partition: number, nextOffset: number): Promise<void> {
    const { correlations, alerts, rates, history, pipeline, partitionOf } = this.parts;
    const isOfPartition = (tenantId: string): boolean => partitionOf(tenantId) === partition;
    for (const each of [correlations, alerts, rates]) each.forget(isOfPartition);
    await history.read(partition, nextOffset, (records) =>
      recallEach('tenant-detection', records, (record) => pipeline.run([record])),
    );
  }

  /** A partition went to somebody else. */
  release(partition: number): void {
    const isOfPartition = (tenantId: string): boolean => this.parts.partitionOf(tenantId) === partition;
    for (const each of [this.parts.correlations, this.parts.alerts, this.parts.rates]) each.forget(isOfPartition);
  }

  /** Resolves when all that came of the records is in Kafka. */
  async handle({ records, leaving }: Pick<RecordBatch, 'records' | 'leaving'>): Promise<void> {
    await this.flow.run(records, leaving);
  }
}
