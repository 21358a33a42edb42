// Outcome → the state of its command and alert.
import { type Outcome, type Step, drop, ok } from '@norn/pipeline';
import { withSpan } from '@norn/telemetry';
import type { ResponseLedger } from '../ports/response-ledger.port.ts';
import { deadLetterUnusable } from './dead-letter-unusable.ts';
import type { OutcomeEnvelope } from './envelope.ts';

/** One after the other: what a host says of a command has an order. */
export function createApplyOutcome(ledger: ResponseLedger): Step<OutcomeEnvelope, OutcomeEnvelope> {
  return async function applyOutcome(envelopes) {
    const outcomes: Outcome<OutcomeEnvelope>[] = [];
    for (const envelope of envelopes) {
      outcomes.push(await deadLetterUnusable(() => applyOne(ledger, envelope)));
    }
    return outcomes;
  };
}

async function applyOne(ledger: ResponseLedger, envelope: OutcomeEnvelope): Promise<Outcome<OutcomeEnvelope>> {
  const { record, outcome } = envelope;
  const attributes = { command: outcome.commandId, state: outcome.state, part: outcome.part };
  const result = await withSpan('remediation outcome', { traceparent: record.headers['traceparent'], attributes }, () =>
    ledger.apply(envelope),
  );
  return result === 'applied' ? ok(envelope) : drop(result);
}
