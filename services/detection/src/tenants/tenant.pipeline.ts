// The flow of what counts over all hosts of a tenant: what hosts had to say in, findings and alerts out.
import type { BusRecord } from '@norn/bus';
import { type Pipeline, each, pipeline } from '@norn/pipeline';
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

export function createTenantPipeline(parts: TenantParts): Pipeline<BusRecord, TenantResult> {
  return pipeline<BusRecord>('tenant-detection')
    .pipe(each(createOpenTenantRecord()))
    .pipe(each(createCorrelateTenant(parts.correlations)))
    .pipe(each(createExceptFindings(parts.exceptions ?? noExceptions)))
    .pipe(each(createLimitFindings(parts.rates)))
    .pipe(each(createGroupTenantAlerts(parts.alerts)));
}
