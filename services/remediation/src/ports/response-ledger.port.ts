// The state of every response, kept so that each message counts once, whatever crashes when.
import type { action, finding } from '@norn/contracts';
import type { Answered, Decision, ProtectionResponses } from '@norn/response';

export type Decide = (alert: finding.Alert, responses: ProtectionResponses, answered: Answered) => readonly Decision[];

export interface SentOutcome {
  readonly tenantId: string;
  readonly hostId: string;
  readonly outcome: action.Outcome;
}

/** Both throw `record_unusable` for what can not be kept, however often it comes. */
export interface ResponseLedger {
  /**
   * Takes a version of an alert and issues what policy decides about it, in one transaction. 'stale': this version or a newer one is there;
   * nothing was done. Else the number of commands issued.
   */
  respond(alert: finding.Alert, traceparent: string, decide: Decide): Promise<number | 'stale'>;
  /** Takes what a host says of a command. 'repeated': it was said before. 'refused': no command of this host has that id; audited. */
  apply(sent: SentOutcome): Promise<'applied' | 'repeated' | 'refused'>;
}
