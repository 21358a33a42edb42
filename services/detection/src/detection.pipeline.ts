// The flow of detection: a host's batch in, findings and alerts out.
import { type BusRecord, createProduce, toDeadLetters } from '@norn/bus';
import { type DeadLetter, type Pipeline, each, pipeline } from '@norn/pipeline';
import type { RuleEngine } from '@norn/rules';
import type { AlertBook } from './alerts/alert-book.ts';
import type { ProveAlert } from './alerts/prove-alert.ts';
import type { Correlations } from './correlations/correlations.ts';
import { RuleCosts } from './costs/rule-costs.ts';
import { alertsOf, findingsOf, occurrencesOf } from './detected-records.ts';
import { type BroughtRules, noBroughtRules } from './ports/brought-rules.port.ts';
import type { Outputs } from './ports/outputs.port.ts';
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
import { createProveAlerts } from './steps/prove-alerts.step.ts';
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

export interface DetectionEffects {
  readonly outputs: Outputs;
  readonly proveAlert: ProveAlert;
  readonly nowMs: () => number;
}

export function createDetectionPipeline(parts: DetectionParts): Pipeline<BusRecord, BatchAlerts, DeadLetter> {
  return judge('detection', parts).pipe(each(createGroupAlerts(parts.book)));
}

/** And where it goes: findings first, so that an alert's findings are always there. */
export function sendDetected(
  detecting: Pipeline<BusRecord, BatchAlerts, DeadLetter>,
  { outputs, proveAlert, nowMs }: DetectionEffects,
): Pipeline<BusRecord, BatchAlerts> {
  return detecting
    .deadLetter(toDeadLetters('detection', outputs))
    .pipe(each(createProveAlerts(proveAlert)))
    .pipe(createProduce('occurrences', outputs, occurrencesOf(nowMs)))
    .pipe(createProduce('findings', outputs, findingsOf))
    .pipe(createProduce('alerts', outputs, alertsOf));
}

/** Over batches that were judged before: what correlations and the counts of findings have to know of them. */
export function createRecallPipeline(parts: Omit<DetectionParts, 'book'>): Pipeline<BusRecord, unknown, DeadLetter> {
  return judge('detection-recall', parts);
}

function judge(stage: string, parts: Omit<DetectionParts, 'book'>): Pipeline<BusRecord, BatchFindings, DeadLetter> {
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
