// Enrichment's parts, put together by Nest.
import { type DynamicModule, Inject, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { type BatchHandler, type BusProducer, createProducer, createStageHandler } from '@norn/bus';
import { KafkaDirectories } from './adapters/kafka-directories.ts';
import type { EnrichmentConfig } from './enrichment.config.ts';
import { EnrichmentController, RAW_HANDLER } from './enrichment.controller.ts';
import { createEnrichmentPipeline } from './enrichment.pipeline.ts';

const CONFIG = Symbol('EnrichmentConfig');
const PRODUCER = Symbol('BusProducer');

/** Lets go of what the factories opened, after the consumer has stopped. */
@Injectable()
export class EnrichmentLifecycle implements OnApplicationShutdown {
  constructor(
    private readonly directories: KafkaDirectories,
    @Inject(PRODUCER) private readonly producer: BusProducer,
  ) {}

  async onApplicationShutdown(): Promise<void> {
    await this.producer.close();
    await this.directories.close();
  }
}

@Module({})
export class EnrichmentModule {
  static register(config: EnrichmentConfig): DynamicModule {
    return {
      module: EnrichmentModule,
      controllers: [EnrichmentController],
      providers: [
        { provide: CONFIG, useValue: config },
        {
          provide: PRODUCER,
          useFactory: () => createProducer(config, { signer: 'enrichment', clientId: 'norn-enrichment' }),
        },
        // Resolves when the facts are read, so the first batch finds them.
        { provide: KafkaDirectories, useFactory: () => KafkaDirectories.open(config) },
        { provide: RAW_HANDLER, useFactory: createHandler, inject: [PRODUCER, KafkaDirectories] },
        EnrichmentLifecycle,
      ],
    };
  }
}

function createHandler(producer: BusProducer, directories: KafkaDirectories): BatchHandler {
  return createStageHandler({
    stage: 'enrichment',
    output: 'enriched',
    producer,
    pipeline: createEnrichmentPipeline(directories),
  });
}
