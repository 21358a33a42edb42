// What process-tree consists of.
import { type DynamicModule, Module } from '@nestjs/common';
import type { BusProducer } from '@norn/bus';
import { PRODUCER, STAGE_CONFIG, type StageContext, StageModule, createStage } from '@norn/stage';
import { KafkaSnapshots } from './adapters/kafka-snapshots.ts';
import { type ProcessTreeConfig, loadProcessTreeConfig } from './process-tree.config.ts';
import { ProcessTreeController } from './process-tree.controller.ts';
import { TreeKeeper } from './tree-keeper.ts';

@Module({
  controllers: [ProcessTreeController],
  providers: [{ provide: TreeKeeper, useFactory: createKeeper, inject: [STAGE_CONFIG, PRODUCER] }],
})
export class ProcessTreeModule {
  static forStage(context: StageContext): DynamicModule {
    const consumers = [{ partitions: ProcessTreeController }];
    return {
      module: ProcessTreeModule,
      imports: [StageModule.forRoot({ ...context, config: loadProcessTreeConfig, consumers, health: [TreeKeeper] })],
    };
  }
}

function createKeeper(config: ProcessTreeConfig, producer: BusProducer): TreeKeeper {
  return new TreeKeeper(new KafkaSnapshots(config, producer), config.treeSnapshotMs);
}

export const processTree = createStage('process-tree', ProcessTreeModule);
