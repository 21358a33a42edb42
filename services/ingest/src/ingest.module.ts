// What ingest consists of.
import { type DynamicModule, Module } from '@nestjs/common';
import type { BusProducer } from '@norn/bus';
import { PRODUCER, STAGE_CONFIG, type StageContext, StageModule, createStage } from '@norn/stage';
import { ControlStoreModule } from '@norn/stage/control-store';
import { createLogger } from '@norn/telemetry';
import { DataSource } from 'typeorm';
import { KafkaCommands } from './adapters/kafka-commands.ts';
import { KafkaPolicies } from './adapters/kafka-policies.ts';
import { PostgresHosts } from './adapters/postgres-hosts.ts';
import { SignersFile } from './adapters/signers-file.ts';
import { watchKeys } from './adapters/secrets.ts';
import { type IngestConfig, loadIngestConfig } from './ingest.config.ts';
import { IngestServer } from './ingest.server.ts';

@Module({
  imports: [ControlStoreModule],
  providers: [{ provide: IngestServer, useFactory: createServer, inject: [STAGE_CONFIG, DataSource, PRODUCER] }],
})
export class IngestModule {
  static forStage(context: StageContext): DynamicModule {
    const server = [IngestServer];
    return {
      module: IngestModule,
      imports: [StageModule.forRoot({ ...context, config: loadIngestConfig, beside: server, health: server })],
    };
  }
}

export const ingest = createStage('ingest', IngestModule);

function createServer(config: IngestConfig, control: DataSource, producer: BusProducer): IngestServer {
  const logger = createLogger('ingest');
  return new IngestServer({
    config,
    keys: watchKeys(config.secretsDir, logger),
    registry: new PostgresHosts(control),
    producer,
    commands: new KafkaCommands(config, logger),
    policies: new KafkaPolicies(config, logger),
    signers: new SignersFile(config.secretsDir, logger),
    logger,
  });
}
