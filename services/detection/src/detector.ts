// Runs the pipeline over what Kafka hands out and sends the results: findings first, so that an alert's findings are always there.
import { create, toBinary } from '@bufbuild/protobuf';
import {
  type BusRecord,
  type OutRecord,
  type RecordBatch,
  RecordSpans,
  deadLettersOf,
  recallEach,
  recordKey,
} from '@norn/bus';
import { finding, occurrence } from '@norn/contracts';
import type { Pipeline } from '@norn/pipeline';
import { Metric, SpanAttribute, count } from '@norn/telemetry';
import type { AlertBook } from './alerts/alert-book.ts';
import type { ProveAlert } from './alerts/prove-alert.ts';
import type { Correlations } from './correlations/correlations.ts';
import type { FindingRates } from './rates/finding-rates.ts';
import type { AlertHistory } from './ports/alert-history.port.ts';
import type { BatchHistory } from './ports/batch-history.port.ts';
import type { Outputs } from './ports/outputs.port.ts';
import type { BatchAlerts } from './steps/envelope.ts';

export interface DetectorParts {
  readonly pipeline: Pipeline<BusRecord, BatchAlerts>;
  /** Over batches that are read back. */
  readonly recall: Pipeline<BusRecord, unknown>;
  readonly book: AlertBook;
  readonly correlations: Correlations;
  readonly rates: FindingRates;
  readonly history: AlertHistory;
  readonly batches: BatchHistory;
  readonly outputs: Outputs;
  readonly proveAlert: ProveAlert;
  /** Which partition a host's records are in. */
  readonly partitionOf: (hostKey: string) => number;
  readonly nowMs: () => number;
}

export class Detector {
  constructor(private readonly parts: DetectorParts) {}

  /** A partition was taken over, or a batch of it failed: its alerts, and what correlations and counts knew, are read back before the next batch. */
  async prepare(partition: number, nextOffset: number): Promise<void> {
    const { book, history, batches, recall, partitionOf } = this.parts;
    const isOfPartition = (hostKey: string): boolean => partitionOf(hostKey) === partition;
    this.release(partition);
    await batches.read(partition, nextOffset, (records) =>
      recallEach('detection', records, (record) => recall.run([record])),
    );
    await history.read(partition, (alert) => {
      // What stands with a host but counts over all of them is not the host's to go on with.
      if (alert.findings.some(({ hostIds }) => hostIds.length > 0)) return;
      if (isOfPartition(recordKey(alert.tenantId, alert.hostId))) book.load(alert);
    });
  }

  /** A partition went to somebody else. */
  release(partition: number): void {
    const { book, correlations, rates, partitionOf } = this.parts;
    for (const each of [book, correlations, rates]) each.forget((hostKey) => partitionOf(hostKey) === partition);
  }

  /** Resolves when all that came of the records is in Kafka. */
  async handle({ records }: RecordBatch): Promise<void> {
    const spans = RecordSpans.begin('detection', records);
    try {
      await this.detect(records, spans);
      spans.end();
    } catch (error) {
      spans.end(error);
      throw error;
    }
  }

  private async detect(records: readonly BusRecord[], spans: RecordSpans): Promise<void> {
    const { pipeline, outputs, proveAlert } = this.parts;
    const result = await pipeline.run(records);
    const { ok } = result;
    const found = ok.map(({ value }) => recordsOf({ ...value, alerts: value.alerts.map(proveAlert) }, spans));
    count(
      Metric.StageEvents,
      ok.reduce((sum, { value }) => sum + value.batch.eventCount, 0),
      { stage: 'detection' },
    );
    await sendSome(outputs, 'deadLetter', deadLettersOf('detection', records, result));
    await sendSome(
      outputs,
      'occurrences',
      ok.flatMap(({ value }) => occurrencesOf(value, this.parts.nowMs())),
    );
    await sendSome(
      outputs,
      'findings',
      found.flatMap((each) => each.findings),
    );
    await sendSome(
      outputs,
      'alerts',
      found.flatMap((each) => each.alerts),
    );
  }
}

async function sendSome(
  outputs: Outputs,
  output: Parameters<Outputs['send']>[0],
  records: readonly OutRecord[],
): Promise<void> {
  if (records.length > 0) await outputs.send(output, records);
}

function occurrencesOf({ tenantId, forTenant }: BatchAlerts, nowMs: number): OutRecord[] {
  return forTenant.map((what) => {
    const told = create(occurrence.TenantRecordSchema, { sentUs: BigInt(nowMs) * 1000n, what });
    return { key: tenantId, value: toBinary(occurrence.TenantRecordSchema, told), headers: {} };
  });
}

function recordsOf(envelope: BatchAlerts, spans: RecordSpans): { findings: OutRecord[]; alerts: OutRecord[] } {
  const { record, findings, alerts } = envelope;
  if (findings.length === 0 && alerts.length === 0) return { findings: [], alerts: [] };
  spans.of(record)?.set({ [SpanAttribute.Findings]: findings.length, [SpanAttribute.Alerts]: alerts.length });
  const headers = spans.headersAfter(record);
  const out = (value: Uint8Array): OutRecord => ({ key: record.key, value, headers });
  return {
    findings: findings.map((each) => out(toBinary(finding.FindingSchema, each))),
    alerts: alerts.map((each) => out(toBinary(finding.AlertSchema, each))),
  };
}
