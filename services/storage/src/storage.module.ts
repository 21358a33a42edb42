// What storage consists of.
import { type DynamicModule, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import type { BusProducer } from '@norn/bus';
import { PRODUCER, STAGE_CONFIG, type StageContext, StageModule, createStage } from '@norn/stage';
import { type StoreWriter, createWriter } from '@norn/store';
import { BatchStore } from './batches/batch-store.ts';
import { RecordStore } from './records/record-store.ts';
import { StorageHealth } from './storage-health.ts';
import { type StorageConfig, loadStorageConfig } from './storage.config.ts';
import { StorageController } from './storage.controller.ts';

const WRITER = Symbol('StoreWriter');

@Module({
  controllers: [StorageController],
  providers: [
    { provide: WRITER, useFactory: (config: StorageConfig) => createWriter(config), inject: [STAGE_CONFIG] },
    {
      provide: BatchStore,
      useFactory: (...parts: Parts) => new BatchStore(optionsOf(...parts)),
      inject: [STAGE_CONFIG, WRITER, PRODUCER],
    },
    {
      provide: RecordStore,
      useFactory: (...parts: Parts) => new RecordStore(optionsOf(...parts)),
      inject: [STAGE_CONFIG, WRITER, PRODUCER],
    },
    StorageHealth,
  ],
})
export class StorageModule implements OnApplicationShutdown {
  constructor(@Inject(WRITER) private readonly writer: StoreWriter) {}

  static forStage(context: StageContext): DynamicModule {
    const consumers = [{ partitions: StorageController }];
    return {
      module: StorageModule,
      imports: [StageModule.forRoot({ ...context, config: loadStorageConfig, consumers, health: [StorageHealth] })],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.writer.close();
  }
}

type Parts = [config: StorageConfig, writer: StoreWriter, producer: BusProducer];

function optionsOf(...[{ storageLingerMs: lingerMs }, writer, producer]: Parts) {
  return { writer, producer, lingerMs };
}

export const storage = createStage('storage', StorageModule);
