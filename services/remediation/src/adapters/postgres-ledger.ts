// The response ledger in PostgreSQL: each message is one transaction, in which its effect and its trace stand or fall together.
import type { finding } from '@norn/contracts';
import type { CommandIssuer } from '@norn/store';
import type { DataSource } from 'typeorm';
import type { Decide, ResponseLedger, SentOutcome } from '../ports/response-ledger.port.ts';
import { answerAlert } from './answer-alert.ts';
import { noteProgress } from './note-progress.ts';
import { refusingUnusable } from './refused-record.ts';
import { settleOutcome } from './settle-outcome.ts';

export class PostgresLedger implements ResponseLedger {
  constructor(
    private readonly source: DataSource,
    private readonly issuer: CommandIssuer,
  ) {}

  respond(alert: finding.Alert, traceparent: string, decide: Decide): Promise<number | 'stale'> {
    return refusingUnusable(() =>
      this.source.transaction((manager) => answerAlert(manager, this.issuer, { alert, traceparent, decide })),
    );
  }

  apply(sent: SentOutcome): Promise<'applied' | 'repeated' | 'refused'> {
    return refusingUnusable(async () => {
      if (await noteProgress(this.source.manager, sent)) return 'applied';
      return this.source.transaction((manager) => settleOutcome(manager, sent));
    });
  }
}
