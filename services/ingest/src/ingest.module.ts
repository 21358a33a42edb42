// Ingest's parts, put together by Nest; closed in the reverse order.
import { type DynamicModule, Inject, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { type BusProducer, createProducer } from '@norn/bus';
import { createControlStore } from '@norn/store';
import { createLogger } from '@norn/telemetry';
import { DataSource } from 'typeorm';
import { KafkaCommands } from './adapters/kafka-commands.ts';
import { KafkaPolicies } from './adapters/kafka-policies.ts';
import { PostgresHosts } from './adapters/postgres-hosts.ts';
import { SignersFile } from './adapters/signers-file.ts';
import { readSecrets } from './adapters/secrets.ts';
import { Authority } from './enrolment/authority.ts';
import type { IngestConfig } from './ingest.config.ts';
import { IngestServer } from './ingest.server.ts';

const CONFIG = Symbol('IngestConfig');
const PRODUCER = Symbol('BusProducer');

/** Lets go of what the factories opened, after the servers are closed. */
@Injectable()
export class IngestLifecycle implements OnApplicationShutdown {
  constructor(
    private readonly server: IngestServer,
    private readonly control: DataSource,
    @Inject(PRODUCER) private readonly producer: BusProducer,
  ) {}

  async onApplicationShutdown(): Promise<void> {
    await this.server.close();
    await this.producer.close();
    await this.control.destroy();
  }
}

@Module({})
export class IngestModule {
  static register(config: IngestConfig): DynamicModule {
    return {
      module: IngestModule,
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: DataSource, useFactory: () => createControlStore(config) },
        { provide: PRODUCER, useFactory: () => createProducer(config, { signer: 'ingest', clientId: 'norn-ingest' }) },
        { provide: IngestServer, useFactory: createServer, inject: [CONFIG, DataSource, PRODUCER] },
        IngestLifecycle,
      ],
    };
  }
}

async function createServer(config: IngestConfig, control: DataSource, producer: BusProducer): Promise<IngestServer> {
  const logger = createLogger('ingest');
  const secrets = readSecrets(config.secretsDir);
  return new IngestServer({
    config,
    secrets,
    authority: await Authority.open(secrets),
    registry: new PostgresHosts(control),
    producer,
    commands: new KafkaCommands(config, logger),
    policies: new KafkaPolicies(config, logger),
    signers: new SignersFile(config.secretsDir, logger),
    logger,
  });
}
