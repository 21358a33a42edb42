// What came of a batch as records: under the host's key and in the batch's trace, or under the tenant's.
import { create, toBinary } from '@bufbuild/protobuf';
import { type OutRecord, headersAfter } from '@norn/bus';
import { finding, occurrence } from '@norn/contracts';
import type { BatchAlerts } from './steps/envelope.ts';

export function findingsOf({ record, findings }: BatchAlerts): OutRecord[] {
  if (findings.length === 0) return [];
  const headers = headersAfter(record);
  return findings.map((each) => ({ key: record.key, value: toBinary(finding.FindingSchema, each), headers }));
}

export function alertsOf({ record, alerts }: BatchAlerts): OutRecord[] {
  if (alerts.length === 0) return [];
  const headers = headersAfter(record);
  return alerts.map((each) => ({ key: record.key, value: toBinary(finding.AlertSchema, each), headers }));
}

export function occurrencesOf(nowMs: () => number): (detected: BatchAlerts) => OutRecord[] {
  return ({ tenantId, forTenant }) =>
    forTenant.map((what) => {
      const told = create(occurrence.TenantRecordSchema, { sentUs: BigInt(nowMs()) * 1000n, what });
      return { key: tenantId, value: toBinary(occurrence.TenantRecordSchema, told), headers: {} };
    });
}
