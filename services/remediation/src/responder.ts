// Runs the two flows over what Kafka hands out; what is refused goes to the dead letters.
import { type RecordBatch, deadLettersOf } from '@norn/bus';
import type { PipelineResult } from '@norn/pipeline';
import type { Send } from './adapters/postgres-outbox.ts';
import type { ResponseLedger } from './ports/response-ledger.port.ts';
import { createAlertPipeline, createOutcomePipeline } from './remediation.pipeline.ts';

export class Responder {
  private readonly alerts;
  private readonly outcomes;

  constructor(
    ledger: ResponseLedger,
    private readonly send: Send,
  ) {
    this.alerts = createAlertPipeline(ledger);
    this.outcomes = createOutcomePipeline(ledger);
  }

  /** Resolves when every effect is committed. */
  async handleAlerts(batch: RecordBatch): Promise<void> {
    await this.refuse(batch, await this.alerts.run(batch.records));
  }

  async handleOutcomes(batch: RecordBatch): Promise<void> {
    await this.refuse(batch, await this.outcomes.run(batch.records));
  }

  private async refuse({ records }: RecordBatch, result: PipelineResult<unknown>): Promise<void> {
    const refused = deadLettersOf('remediation', records, result);
    if (refused.length > 0) await this.send('deadLetter', refused);
  }
}
