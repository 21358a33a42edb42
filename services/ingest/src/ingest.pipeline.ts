// The way of a batch through ingest, in run order. Its connection acks it when Kafka has it.
import { type Pipeline, each, pipeline } from '@norn/pipeline';
import { createCheckEnvelope } from './steps/check-envelope.step.ts';
import type { CheckedBatch, HostBatch } from './steps/envelope-of-host.ts';
import { produceBatch, refuseBatches, throttleHosts } from './steps/produce-batch.step.ts';
import { createMeterTenant } from './steps/meter-tenant.step.ts';
import type { TenantMeter } from './stream/tenant-meter.ts';

export type IngestPipeline = Pipeline<HostBatch, CheckedBatch>;

export interface IngestPipelineOptions {
  readonly batchBytesMax: number;
  readonly meter: TenantMeter;
}

export function createIngestPipeline(options: IngestPipelineOptions): IngestPipeline {
  return pipeline<HostBatch>('ingest')
    .pipe(each(createCheckEnvelope(options)))
    .pipe(each(createMeterTenant(options.meter)))
    .redirect('throttle', throttleHosts)
    .deadLetter(refuseBatches)
    .pipe(each(produceBatch));
}
