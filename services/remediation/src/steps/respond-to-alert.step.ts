// Alert → its handling, and the commands that policy asks for. Commands leave through the outbox.
import { withRecordSpan } from '@norn/bus';
import { type Outcome, type Step, drop, ok } from '@norn/pipeline';
import { decideResponse } from '@norn/response';
import { SpanAttribute, currentTraceparent } from '@norn/telemetry';
import type { ResponseLedger } from '../ports/response-ledger.port.ts';
import { deadLetterUnusable } from './dead-letter-unusable.ts';
import type { AlertEnvelope } from './envelope.ts';

/** One after the other: the versions of an alert must be taken in their order. */
export function createRespondToAlert(ledger: ResponseLedger): Step<AlertEnvelope, AlertEnvelope> {
  return async function respondToAlert(envelopes) {
    const outcomes: Outcome<AlertEnvelope>[] = [];
    for (const envelope of envelopes) {
      outcomes.push(await deadLetterUnusable(() => respondTo(ledger, envelope)));
    }
    return outcomes;
  };
}

async function respondTo(ledger: ResponseLedger, envelope: AlertEnvelope): Promise<Outcome<AlertEnvelope>> {
  const { alert, record } = envelope;
  const traceparent = record.headers['traceparent'] ?? '';
  const attributes = { [SpanAttribute.Alert]: alert.id, [SpanAttribute.AlertVersion]: alert.version };
  const issued = await withRecordSpan('remediation', record, attributes, () =>
    ledger.respond(alert, currentTraceparent() || traceparent, decideResponse),
  );
  return issued === 'stale' ? drop('stale_version') : ok(envelope);
}
