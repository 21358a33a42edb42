// The two flows of remediation: alerts in, commands into the outbox; outcomes in, states on. The last step is one transaction a record.
import { type BusRecord, type Outputs, toDeadLetters } from '@norn/bus';
import { type Pipeline, each, pipeline } from '@norn/pipeline';
import type { ResponseLedger } from './ports/response-ledger.port.ts';
import { createApplyOutcome } from './steps/apply-outcome.step.ts';
import type { AlertEnvelope, OutcomeEnvelope } from './steps/envelope.ts';
import { createOpenAlert, createOpenOutcome } from './steps/open-record.step.ts';
import { createRespondToAlert } from './steps/respond-to-alert.step.ts';

type DeadLetters = Outputs<'deadLetter'>;

export function createAlertPipeline(ledger: ResponseLedger, outputs: DeadLetters): Pipeline<BusRecord, AlertEnvelope> {
  return pipeline<BusRecord>('remediation')
    .pipe(each(createOpenAlert()))
    .pipe(createRespondToAlert(ledger))
    .deadLetter(toDeadLetters('remediation', outputs));
}

export function createOutcomePipeline(
  ledger: ResponseLedger,
  outputs: DeadLetters,
): Pipeline<BusRecord, OutcomeEnvelope> {
  return pipeline<BusRecord>('remediation')
    .pipe(each(createOpenOutcome()))
    .pipe(createApplyOutcome(ledger))
    .deadLetter(toDeadLetters('remediation', outputs));
}
