// Runs the tenants' pipeline over what Kafka hands out and sends the results, each under the key of the host that it stands with.
import { toBinary } from '@bufbuild/protobuf';
import { type BusRecord, type OutRecord, type RecordBatch, deadLettersOf, recallEach, recordKey } from '@norn/bus';
import { finding } from '@norn/contracts';
import type { Pipeline } from '@norn/pipeline';
import type { OccurrenceHistory } from '../ports/occurrence-history.port.ts';
import type { ProveAlert } from '../alerts/prove-alert.ts';
import type { Outputs } from '../ports/outputs.port.ts';
import type { TenantParts } from './tenant.pipeline.ts';
import type { TenantResult } from './tenant-envelope.ts';

export interface TenantDetectorParts extends TenantParts {
  readonly pipeline: Pipeline<BusRecord, TenantResult>;
  readonly history: OccurrenceHistory;
  readonly outputs: Outputs;
  readonly proveAlert: ProveAlert;
  /** Which partition a tenant's records are in. */
  readonly partitionOf: (tenantId: string) => number;
}

export class TenantDetector {
  constructor(private readonly parts: TenantDetectorParts) {}

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
  async handle({ records }: Pick<RecordBatch, 'records'>): Promise<void> {
    const { pipeline, outputs, proveAlert } = this.parts;
    const result = await pipeline.run(records);
    const found = result.ok.map(({ value }) => value);
    const refused = deadLettersOf('tenant-detection', records, result);
    if (refused.length > 0) await outputs.send('deadLetter', refused);
    const findings = found.flatMap((each) => each.findings);
    if (findings.length > 0) await outputs.send('findings', findings.map(findingRecord));
    const alerts = found.flatMap((each) => each.alerts).map(proveAlert);
    if (alerts.length > 0) await outputs.send('alerts', alerts.map(alertRecord));
  }
}

function findingRecord(each: finding.Finding): OutRecord {
  return { key: recordKey(each.tenantId, each.hostId), value: toBinary(finding.FindingSchema, each), headers: {} };
}

function alertRecord(each: finding.Alert): OutRecord {
  return { key: recordKey(each.tenantId, each.hostId), value: toBinary(finding.AlertSchema, each), headers: {} };
}
