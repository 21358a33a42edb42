// Detection's parts, put together by Nest.
import { type DynamicModule, Inject, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { type BusProducer, createProducer, offsetRanges, partitionOf } from '@norn/bus';
import { RuleEngine } from '@norn/rules';
import { KafkaAlertHistory } from './adapters/kafka-alert-history.ts';
import { readRulePack } from './adapters/rule-pack.ts';
import { AlertBook } from './alerts/alert-book.ts';
import type { DetectionConfig } from './detection.config.ts';
import { DetectionController } from './detection.controller.ts';
import { createDetectionPipeline } from './detection.pipeline.ts';
import { Detector } from './detector.ts';

const CONFIG = Symbol('DetectionConfig');
const PRODUCER = Symbol('BusProducer');

/** Lets go of the producer after the consumer has stopped. */
@Injectable()
export class DetectionLifecycle implements OnApplicationShutdown {
  constructor(@Inject(PRODUCER) private readonly producer: BusProducer) {}

  async onApplicationShutdown(): Promise<void> {
    await this.producer.close();
  }
}

@Module({})
export class DetectionModule {
  static register(config: DetectionConfig): DynamicModule {
    return {
      module: DetectionModule,
      controllers: [DetectionController],
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: PRODUCER, useFactory: () => createProducer(config, { clientId: 'norn-detection', lingerMs: 5 }) },
        { provide: Detector, useFactory: createDetector, inject: [CONFIG, PRODUCER] },
        DetectionLifecycle,
      ],
    };
  }
}

async function createDetector(config: DetectionConfig, producer: BusProducer): Promise<Detector> {
  const partitions = (await offsetRanges(config, 'lineage')).length;
  const book = new AlertBook(BigInt(config.alertWindowMs) * 1000n);
  return new Detector({
    pipeline: createDetectionPipeline({ engine: new RuleEngine(readRulePack()), book }),
    book,
    history: new KafkaAlertHistory(config),
    outputs: producer,
    partitionOf: (hostKey) => partitionOf(hostKey, partitions),
  });
}
