// Runs the two flows over what Kafka hands out; what is refused goes to the dead letters.
import type { OutRecord, RecordBatch } from '@norn/bus';
import type { PipelineResult } from '@norn/pipeline';
import type { Send } from './adapters/postgres-outbox.ts';
import { limits } from './limits.ts';
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

  private async refuse({ topic, records }: RecordBatch, { deadLettered }: PipelineResult<unknown>): Promise<void> {
    const refused = deadLettered.flatMap(({ source, reason, error }): OutRecord[] => {
      const record = records[source];
      if (!record) return [];
      const { key, value, headers, offset } = record;
      const why = {
        code: reason,
        reason: error.message.slice(0, 500),
        stage: 'remediation',
        topic,
        offset: String(offset),
      };
      return [{ key, value: value.subarray(0, limits.deadLetterBytesMax), headers: { ...headers, ...why } }];
    });
    if (refused.length > 0) await this.send('deadLetter', refused);
  }
}
