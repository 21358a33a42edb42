// Runs the two flows over what Kafka hands out.
import type { Outputs, RecordBatch } from '@norn/bus';
import type { ResponseLedger } from './ports/response-ledger.port.ts';
import { createAlertPipeline, createOutcomePipeline } from './remediation.pipeline.ts';

export class Responder {
  private readonly alerts;
  private readonly outcomes;

  constructor(ledger: ResponseLedger, outputs: Outputs<'deadLetter'>) {
    this.alerts = createAlertPipeline(ledger, outputs);
    this.outcomes = createOutcomePipeline(ledger, outputs);
  }

  /** Resolves when every effect is committed. */
  async handleAlerts({ records, leaving }: RecordBatch): Promise<void> {
    await this.alerts.run(records, leaving);
  }

  async handleOutcomes({ records, leaving }: RecordBatch): Promise<void> {
    await this.outcomes.run(records, leaving);
  }
}
