// What travels through remediation's steps: an alert, or what came of a command.
import type { BusRecord } from '@norn/bus';
import type { action, finding } from '@norn/contracts';

export interface Sender {
  readonly record: BusRecord;
  /** From the record's key: who sent it, whatever the message says. */
  readonly tenantId: string;
  readonly hostId: string;
}

export interface AlertEnvelope extends Sender {
  readonly alert: finding.Alert;
}

export interface OutcomeEnvelope extends Sender {
  readonly outcome: action.Outcome;
}
