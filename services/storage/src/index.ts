// The stage that writes what happened to ClickHouse, exactly once in effect.
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { BatchServer, ErrorsAsThrown } from '@norn/bus';
import type { HealthReport, Service } from '@norn/stage';
import { BatchStore } from './batch-store.ts';
import { RecordStore } from './record-store.ts';
import { loadStorageConfig } from './storage.config.ts';
import { StorageModule } from './storage.module.ts';

export const storage: Service = {
  name: 'storage',
  async start(environment) {
    const config = loadStorageConfig(environment);
    const server = new BatchServer(config, [
      { groupId: 'norn.storage', topics: ['lineage', 'findings', 'alerts', 'outcomes', 'facts'] },
    ]);
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest's options class is an interface in all but name
    const app = await NestFactory.createMicroservice<MicroserviceOptions>(StorageModule.register(config), {
      strategy: server,
      logger: ['error'],
      abortOnError: false,
    });
    const batches = app.get(BatchStore);
    const records = app.get(RecordStore);
    server.prepareWith((topic, partition, _, claim) => {
      if (topic === 'lineage') batches.prepare(partition, claim);
      return Promise.resolve();
    });
    app.useGlobalFilters(new ErrorsAsThrown());
    await app.listen();
    return {
      name: 'storage',
      health: () => Promise.resolve(healthOf(server, batches, records)),
      close: () => app.close(),
    };
  },
};

function healthOf(server: BatchServer, batches: BatchStore, records: RecordStore): HealthReport {
  const failure = batches.inserts.failure === '' ? records.gatherer.failure : batches.inserts.failure;
  const waitingRows = batches.waitingRows + records.gatherer.waitingRecords;
  return {
    healthy: server.connected && failure === '',
    details: { connected: server.connected, lag: server.lag, waitingRows, ...(failure === '' ? {} : { failure }) },
  };
}
