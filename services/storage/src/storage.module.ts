// Storage's parts, put together by Nest.
import { type DynamicModule, Inject, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { type BusProducer, createProducer } from '@norn/bus';
import { type StoreWriter, createWriter } from '@norn/store';
import { BatchStore } from './batch-store.ts';
import { RecordStore } from './record-store.ts';
import type { StorageConfig } from './storage.config.ts';
import { StorageController } from './storage.controller.ts';

const PRODUCER = Symbol('BusProducer');
const WRITER = Symbol('StoreWriter');

/** Lets go of what the factories opened, after the consumer has stopped. */
@Injectable()
export class StorageLifecycle implements OnApplicationShutdown {
  constructor(
    private readonly records: RecordStore,
    @Inject(PRODUCER) private readonly producer: BusProducer,
    @Inject(WRITER) private readonly writer: StoreWriter,
  ) {}

  async onApplicationShutdown(): Promise<void> {
    this.records.gatherer.close();
    await this.producer.close();
    await this.writer.close();
  }
}

@Module({})
export class StorageModule {
  static register(config: StorageConfig): DynamicModule {
    const lingerMs = config.storageLingerMs;
    return {
      module: StorageModule,
      controllers: [StorageController],
      providers: [
        { provide: PRODUCER, useFactory: () => createProducer(config, { clientId: 'norn-storage' }) },
        { provide: WRITER, useFactory: () => createWriter(config) },
        {
          provide: BatchStore,
          useFactory: (writer: StoreWriter, producer: BusProducer) => new BatchStore({ writer, producer, lingerMs }),
          inject: [WRITER, PRODUCER],
        },
        {
          provide: RecordStore,
          useFactory: (writer: StoreWriter, producer: BusProducer) => new RecordStore({ writer, producer, lingerMs }),
          inject: [WRITER, PRODUCER],
        },
        StorageLifecycle,
      ],
    };
  }
}
