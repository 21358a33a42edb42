// The flow of what counts over all hosts of a tenant: what hosts had to say in, findings and alerts out.
import { toBinary } from '@bufbuild/protobuf';
import { type BusRecord, type OutRecord, createProduce, recordKey, toDeadLetters } from '@norn/bus';
import { finding } from '@norn/contracts';
import { type DeadLetter, type Pipeline, each, pipeline } from '@norn/pipeline';
import type { ProveAlert } from '../alerts/prove-alert.ts';
import type { Outputs } from '../ports/outputs.port.ts';
import { type RuleExceptions, noExceptions } from '../ports/rule-exceptions.port.ts';
import type { FindingRates } from '../rates/finding-rates.ts';
import { createExceptFindings } from '../steps/except-findings.step.ts';
import { createLimitFindings } from '../steps/limit-findings.step.ts';
import { createCorrelateTenant } from './correlate-tenant.step.ts';
import { createGroupTenantAlerts } from './group-tenant-alerts.step.ts';
import { createOpenTenantRecord } from './open-tenant-record.step.ts';
import type { TenantAlerts } from './tenant-alerts.ts';
import type { TenantCorrelations } from './tenant-correlations.ts';
import type { TenantResult } from './tenant-envelope.ts';

export interface TenantParts {
  readonly correlations: TenantCorrelations;
  readonly alerts: TenantAlerts;
  readonly rates: FindingRates;
  /** Absent: there are none. */
  readonly exceptions?: RuleExceptions;
}

export interface TenantEffects {
  readonly outputs: Outputs;
  readonly proveAlert: ProveAlert;
}

export function createTenantPipeline(parts: TenantParts): Pipeline<BusRecord, TenantResult, DeadLetter> {
  return pipeline<BusRecord>('tenant-detection')
    .pipe(each(createOpenTenantRecord()))
    .pipe(each(createCorrelateTenant(parts.correlations)))
    .pipe(each(createExceptFindings(parts.exceptions ?? noExceptions)))
    .pipe(each(createLimitFindings(parts.rates)))
    .pipe(each(createGroupTenantAlerts(parts.alerts)));
}

/** And where it goes: each under the key of the host that it stands with, findings before the alerts that list them. */
export function sendCounted(
  counting: Pipeline<BusRecord, TenantResult, DeadLetter>,
  { outputs, proveAlert }: TenantEffects,
): Pipeline<BusRecord, TenantResult> {
  return counting
    .deadLetter(toDeadLetters('tenant-detection', outputs))
    .pipe(createProduce('findings', outputs, ({ findings }: TenantResult) => findings.map(findingRecord)))
    .pipe(createProduce('alerts', outputs, ({ alerts }: TenantResult) => alerts.map(proveAlert).map(alertRecord)));
}

function findingRecord(each: finding.Finding): OutRecord {
  return { key: recordKey(each.tenantId, each.hostId), value: toBinary(finding.FindingSchema, each), headers: {} };
}

function alertRecord(each: finding.Alert): OutRecord {
  return { key: recordKey(each.tenantId, each.hostId), value: toBinary(finding.AlertSchema, each), headers: {} };
}
