// The flow of detection: a host's batch in, findings and alerts out.
import type { BusRecord } from '@norn/bus';
import { type Pipeline, each, pipeline } from '@norn/pipeline';
import type { RuleEngine } from '@norn/rules';
import type { AlertBook } from './alerts/alert-book.ts';
import type { Correlations } from './correlations/correlations.ts';
import { RuleCosts } from './costs/rule-costs.ts';
import { type BroughtRules, noBroughtRules } from './ports/brought-rules.port.ts';
import { type Policies, noPolicies } from './ports/policies.port.ts';
import { type RuleExceptions, noExceptions } from './ports/rule-exceptions.port.ts';
import { FindingRates } from './rates/finding-rates.ts';
import { createApplyPolicy } from './steps/apply-policy.step.ts';
import { createCollectFindings } from './steps/collect-findings.step.ts';
import { createCorrelate } from './steps/correlate.step.ts';
import type { BatchAlerts, BatchFindings } from './steps/envelope.ts';
import { createExceptFindings } from './steps/except-findings.step.ts';
import { createGroupAlerts } from './steps/group-alerts.step.ts';
import { createLimitFindings } from './steps/limit-findings.step.ts';
import { createOpenBatch } from './steps/open-batch.step.ts';
import { createRunRules } from './steps/run-rules.step.ts';

export interface DetectionParts {
  readonly engine: RuleEngine;
  readonly correlations: Correlations;
  readonly book: AlertBook;
  /** Absent: tenants bring none. */
  readonly brought?: BroughtRules;
  /** Absent: tenants have none. */
  readonly policies?: Policies;
  /** Absent: there are none. */
  readonly exceptions?: RuleExceptions;
  /** Absent: counted from here on. */
  readonly rates?: FindingRates;
  /** Absent: nobody writes them down. */
  readonly costs?: RuleCosts;
}

export function createDetectionPipeline(parts: DetectionParts): Pipeline<BusRecord, BatchAlerts> {
  return judge('detection', parts).pipe(each(createGroupAlerts(parts.book)));
}

/** Over batches that were judged before: what correlations and the counts of findings have to know of them. */
export function createRecallPipeline(parts: Omit<DetectionParts, 'book'>): Pipeline<BusRecord, unknown> {
  return judge('detection-recall', parts);
}

function judge(stage: string, parts: Omit<DetectionParts, 'book'>): Pipeline<BusRecord, BatchFindings> {
  const { engine, correlations, brought = noBroughtRules, policies = noPolicies } = parts;
  const { exceptions = noExceptions, rates = new FindingRates(), costs = new RuleCosts() } = parts;
  return pipeline<BusRecord>(stage)
    .pipe(each(createOpenBatch()))
    .pipe(each(createRunRules(engine, brought, costs)))
    .pipe(each(createApplyPolicy(policies)))
    .pipe(each(createCorrelate(correlations)))
    .pipe(each(createCollectFindings()))
    .pipe(each(createExceptFindings(exceptions)))
    .pipe(each(createLimitFindings(rates)));
}
