// The stage that hosts talk to: ends mTLS, bounds and meters, produces to Kafka, acks when Kafka has it, carries commands down.
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { Service } from '@norn/stage';
import { loadIngestConfig } from './ingest.config.ts';
import { IngestModule } from './ingest.module.ts';
import { IngestServer } from './ingest.server.ts';

export const ingest: Service = {
  name: 'ingest',
  async start(environment) {
    const config = loadIngestConfig(environment);
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest's options class is an interface in all but name
    const context = await NestFactory.createApplicationContext(IngestModule.register(config), {
      logger: ['error'],
      abortOnError: false,
    });
    const server = context.get(IngestServer);
    try {
      await server.start();
    } catch (error) {
      await context.close();
      throw error;
    }
    return { name: 'ingest', health: () => Promise.resolve(server.health()), close: () => context.close() };
  },
};
