// The stage that keeps each host's process tree and gives each event its lineage.
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { BatchServer, ErrorsAsThrown } from '@norn/bus';
import type { Service } from '@norn/stage';
import { loadProcessTreeConfig } from './process-tree.config.ts';
import { ProcessTreeModule } from './process-tree.module.ts';
import { TreeKeeper } from './tree-keeper.ts';

// For a replay, which runs the flow without a broker.
export { Forest } from './forest.ts';
export type { Forests } from './ports/forests.ts';
export { createProcessTreePipeline } from './process-tree.pipeline.ts';

export const processTree: Service = {
  name: 'process-tree',
  async start(environment) {
    const config = loadProcessTreeConfig(environment);
    const server = new BatchServer(config, [{ groupId: 'norn.process-tree', topics: ['enriched'] }]);
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest's options class is an interface in all but name
    const app = await NestFactory.createMicroservice<MicroserviceOptions>(ProcessTreeModule.register(config), {
      strategy: server,
      logger: ['error'],
      abortOnError: false,
    });
    const keeper = app.get(TreeKeeper);
    server.prepareWith(
      (_, partition, nextOffset, claim) => keeper.prepare(partition, nextOffset, claim),
      (_, partition) => {
        keeper.release(partition);
      },
    );
    app.useGlobalFilters(new ErrorsAsThrown());
    await app.listen();
    return {
      name: 'process-tree',
      health: () =>
        Promise.resolve({
          healthy: server.connected,
          details: { connected: server.connected, lag: server.lag, hosts: keeper.hostCount },
        }),
      close: () => app.close(),
    };
  },
};
