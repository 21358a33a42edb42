// What enrichment consists of.
import { type DynamicModule, Module } from '@nestjs/common';
import { type StageContext, StageModule, createStage } from '@norn/stage';
import { KafkaDirectories } from './adapters/kafka-directories.ts';
import { loadEnrichmentConfig } from './enrichment.config.ts';
import { EnrichmentController } from './enrichment.controller.ts';

@Module({ controllers: [EnrichmentController], providers: [KafkaDirectories] })
export class EnrichmentModule {
  static forStage(context: StageContext): DynamicModule {
    const consumers = [{}];
    return {
      module: EnrichmentModule,
      imports: [
        StageModule.forRoot({ ...context, config: loadEnrichmentConfig, consumers, health: [KafkaDirectories] }),
      ],
    };
  }
}

export const enrichment = createStage('enrichment', EnrichmentModule);
