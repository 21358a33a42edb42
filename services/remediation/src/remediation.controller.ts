// Where Kafka's batches enter.
import { Controller } from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';
import type { RecordBatch } from '@norn/bus';
import { Responder } from './responder.ts';

@Controller()
export class RemediationController {
  constructor(private readonly responder: Responder) {}

  @EventPattern('alerts')
  alerts(batch: RecordBatch): Promise<void> {
    return this.responder.handleAlerts(batch);
  }

  @EventPattern('outcomes')
  outcomes(batch: RecordBatch): Promise<void> {
    return this.responder.handleOutcomes(batch);
  }
}
