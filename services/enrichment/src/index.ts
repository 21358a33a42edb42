// The stage that adds what agents told about their hosts: container names and images, user names.
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { BatchServer, ErrorsAsThrown } from '@norn/bus';
import type { Service } from '@norn/pipeline';
import { KafkaDirectories } from './adapters/kafka-directories.ts';
import { loadEnrichmentConfig } from './enrichment.config.ts';
import { EnrichmentModule } from './enrichment.module.ts';

// For a replay, which runs the flow without a broker.
export { createEnrichmentPipeline } from './enrichment.pipeline.ts';
export { HostDirectories } from './host-directories.ts';

export const enrichment: Service = {
  name: 'enrichment',
  async start(environment) {
    const config = loadEnrichmentConfig(environment);
    const server = new BatchServer(config, { groupId: 'norn.enrichment' });
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest's options class is an interface in all but name
    const app = await NestFactory.createMicroservice<MicroserviceOptions>(EnrichmentModule.register(config), {
      strategy: server,
      logger: ['error'],
      abortOnError: false,
    });
    const directories = app.get(KafkaDirectories);
    app.useGlobalFilters(new ErrorsAsThrown());
    await app.listen();
    return {
      name: 'enrichment',
      health: () =>
        Promise.resolve({
          healthy: server.connected,
          details: { connected: server.connected, lag: server.lag, hosts: directories.size },
        }),
      close: () => app.close(),
    };
  },
};
