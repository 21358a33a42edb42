// Findings of one attack become one alert: a new one, or the next version of one that is there. What is to join none is kept beside, and counted.
import type { finding } from '@norn/contracts';
import { type Outcome, ok } from '@norn/pipeline';
import { Metric, count } from '@norn/telemetry';
import type { AlertBook } from '../alerts/alert-book.ts';
import type { BatchAlerts, BatchFindings } from './envelope.ts';

export function createGroupAlerts(book: AlertBook): (envelope: BatchFindings) => Outcome<BatchAlerts> {
  return function groupAlerts(envelope) {
    const beside = envelope.findings.filter(isBeside);
    const change = book.apply({ ...envelope, findings: envelope.findings.filter((each) => !isBeside(each)) });
    for (const each of beside) tellBeside(each);
    return ok({ ...envelope, ...change, findings: [...change.findings, ...beside] });
  };
}

export function isBeside({ observed, exceptedBy, limited }: finding.Finding): boolean {
  return observed || limited || exceptedBy !== '';
}

export function tellBeside({ exceptedBy, limited, ruleId, ruleAuthor }: finding.Finding): void {
  if (exceptedBy !== '') count(Metric.FindingsExcepted, 1, { exception: exceptedBy });
  // The ids of rules that were brought along are without end.
  if (limited) count(Metric.FindingsLimited, 1, { rule: ruleAuthor === '' ? ruleId : 'imported' });
}
