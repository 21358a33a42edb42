// Process-tree's parts, put together by Nest.
import { type DynamicModule, Inject, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { type BatchHandler, type BusProducer, createProducer, createStageHandler } from '@norn/bus';
import { KafkaSnapshots } from './adapters/kafka-snapshots.ts';
import type { ProcessTreeConfig } from './process-tree.config.ts';
import { ENRICHED_HANDLER, ProcessTreeController } from './process-tree.controller.ts';
import { createProcessTreePipeline } from './process-tree.pipeline.ts';
import { TreeKeeper } from './tree-keeper.ts';

const PRODUCER = Symbol('BusProducer');

/** Lets go of what the factories opened, after the consumer has stopped. */
@Injectable()
export class ProcessTreeLifecycle implements OnApplicationShutdown {
  constructor(
    private readonly keeper: TreeKeeper,
    @Inject(PRODUCER) private readonly producer: BusProducer,
  ) {}

  async onApplicationShutdown(): Promise<void> {
    await this.keeper.close();
    await this.producer.close();
  }
}

@Module({})
export class ProcessTreeModule {
  static register(config: ProcessTreeConfig): DynamicModule {
    return {
      module: ProcessTreeModule,
      controllers: [ProcessTreeController],
      providers: [
        {
          provide: PRODUCER,
          useFactory: () => createProducer(config, { signer: 'process-tree', clientId: 'norn-process-tree' }),
        },
        {
          provide: TreeKeeper,
          useFactory: (producer: BusProducer) =>
            new TreeKeeper(new KafkaSnapshots(config, producer), config.treeSnapshotMs),
          inject: [PRODUCER],
        },
        { provide: ENRICHED_HANDLER, useFactory: createHandler, inject: [PRODUCER, TreeKeeper] },
        ProcessTreeLifecycle,
      ],
    };
  }
}

function createHandler(producer: BusProducer, keeper: TreeKeeper): BatchHandler {
  return createStageHandler({
    stage: 'process-tree',
    output: 'lineage',
    producer,
    pipeline: createProcessTreePipeline(keeper),
  });
}
