// Findings of one attack become one alert: a new one, or the next version of one that is there.
import { type Outcome, ok } from '@norn/pipeline';
import type { AlertBook } from '../alerts/alert-book.ts';
import type { BatchAlerts, BatchFindings } from './envelope.ts';

export function createGroupAlerts(book: AlertBook): (envelope: BatchFindings) => Outcome<BatchAlerts> {
  return function groupAlerts(envelope) {
    return ok({ ...envelope, ...book.apply(envelope) });
  };
}
