// Where Kafka's batches enter.
import { Controller, Inject } from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';
import { type BatchHandler, type BusProducer, type RecordBatch, createStageHandler } from '@norn/bus';
import { PRODUCER } from '@norn/stage';
import { KafkaDirectories } from './adapters/kafka-directories.ts';
import { createEnrichmentPipeline } from './enrichment.pipeline.ts';

@Controller()
export class EnrichmentController {
  private readonly enrich: BatchHandler;

  constructor(directories: KafkaDirectories, @Inject(PRODUCER) producer: BusProducer) {
    this.enrich = createStageHandler('enrichment', createEnrichmentPipeline(directories, producer));
  }

  @EventPattern('raw')
  handle(batch: RecordBatch): ReturnType<BatchHandler> {
    return this.enrich(batch);
  }
}
