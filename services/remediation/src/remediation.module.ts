// Remediation's parts, put together by Nest; closed in the reverse order.
import { type DynamicModule, Inject, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { SignerRing, readSecret } from '@norn/config';
import { type BusProducer, createProducer } from '@norn/bus';
import { type ProofKeys, signCommand, createHostPolicySigner } from '@norn/response';
import { type CommandIssuer, createControlStore } from '@norn/store';
import { messageOf } from '@norn/base';
import { type Logger, createLogger } from '@norn/telemetry';
import { join } from 'node:path';
import { DataSource } from 'typeorm';
import { PostgresLedger } from './adapters/postgres-ledger.ts';
import { Background } from './background.ts';
import type { RemediationConfig } from './remediation.config.ts';
import { RemediationController } from './remediation.controller.ts';
import { Responder } from './responder.ts';

const CONFIG = Symbol('RemediationConfig');
const PRODUCER = Symbol('BusProducer');

/** Lets go of what the factories opened, after the consumer has stopped. */
@Injectable()
export class RemediationLifecycle implements OnApplicationShutdown {
  constructor(
    private readonly background: Background,
    private readonly control: DataSource,
    @Inject(PRODUCER) private readonly producer: BusProducer,
  ) {}

  async onApplicationShutdown(): Promise<void> {
    // The producer first: a relay that waits for the broker gives up, and its entries stay in the outbox.
    await Promise.all([this.background.close(), this.producer.close()]);
    await this.control.destroy();
  }
}

@Module({})
export class RemediationModule {
  static register(config: RemediationConfig): DynamicModule {
    return {
      module: RemediationModule,
      controllers: [RemediationController],
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: DataSource, useFactory: () => createControlStore(config) },
        {
          provide: PRODUCER,
          useFactory: () =>
            createProducer(config, { signer: 'remediation', clientId: 'norn-remediation', lingerMs: 2 }),
        },
        { provide: Responder, useFactory: createResponder, inject: [CONFIG, DataSource, PRODUCER] },
        { provide: Background, useFactory: createBackground, inject: [CONFIG, DataSource, PRODUCER] },
        RemediationLifecycle,
      ],
    };
  }
}

function createResponder(config: RemediationConfig, source: DataSource, producer: BusProducer): Responder {
  return new Responder(new PostgresLedger(source, commandIssuer(config)), (topic, records) =>
    producer.send(topic, records),
  );
}

function createBackground(config: RemediationConfig, source: DataSource, producer: BusProducer): Background {
  const logger = createLogger('remediation');
  const key = readSecret(join(config.secretsDir, 'command.key.pem'));
  return new Background({
    config,
    source,
    logger,
    send: (topic, records) => producer.send(topic, records),
    hostPolicySigner: createHostPolicySigner(key),
    proofKeys: proofKeysOf(config, logger),
  });
}

function proofKeysOf({ secretsDir }: RemediationConfig, logger: Logger): ProofKeys {
  const ring = new SignerRing(secretsDir, (error) => {
    logger.error({ code: 'signers_unread', err: error }, messageOf(error));
  });
  return {
    find: (signer, keyId) => {
      const found = ring.find(keyId);
      return found?.signer === signer ? found.publicKey : undefined;
    },
  };
}

function commandIssuer(config: RemediationConfig): CommandIssuer {
  const key = readSecret(join(config.secretsDir, 'command.key.pem'));
  return {
    commandTtlMs: config.commandTtlMs,
    sign: (command, traceparent) => signCommand(command, key, traceparent),
  };
}
