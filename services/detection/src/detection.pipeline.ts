// The flow of detection: a host's batch in, findings and alerts out.
import type { BusRecord } from '@norn/bus';
import { type Pipeline, each, pipeline } from '@norn/pipeline';
import type { RuleEngine } from '@norn/rules';
import type { AlertBook } from './alerts/alert-book.ts';
import { createCollectFindings } from './steps/collect-findings.step.ts';
import type { BatchAlerts } from './steps/envelope.ts';
import { createGroupAlerts } from './steps/group-alerts.step.ts';
import { createOpenBatch } from './steps/open-batch.step.ts';
import { createRunRules } from './steps/run-rules.step.ts';

export interface DetectionParts {
  readonly engine: RuleEngine;
  readonly book: AlertBook;
}

export function createDetectionPipeline({ engine, book }: DetectionParts): Pipeline<BusRecord, BatchAlerts> {
  return pipeline<BusRecord>('detection')
    .pipe(each(createOpenBatch()))
    .pipe(each(createRunRules(engine)))
    .pipe(each(createCollectFindings()))
    .pipe(each(createGroupAlerts(book)));
}
