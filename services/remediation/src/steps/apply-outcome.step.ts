// Outcome → the state of its command and alert.
import { withRecordSpan } from '@norn/bus';
import { action } from '@norn/contracts';
import { type Outcome, type Step, drop, ok } from '@norn/pipeline';
import { SpanAttribute } from '@norn/telemetry';
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
  const attributes = {
    [SpanAttribute.Command]: outcome.commandId,
    [SpanAttribute.OutcomeState]: action.OutcomeState[outcome.state],
    [SpanAttribute.OutcomePart]: outcome.part,
  };
  const result = await withRecordSpan('remediation', record, attributes, () => ledger.apply(envelope));
  return result === 'applied' ? ok(envelope) : drop(result);
}
