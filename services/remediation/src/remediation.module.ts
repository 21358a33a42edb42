// What remediation consists of.
import { type DynamicModule, Module } from '@nestjs/common';
import { SignerRing } from '@norn/config';
import type { BusProducer } from '@norn/bus';
import type { ProofKeys } from '@norn/response';
import { PRODUCER, STAGE_CONFIG, type StageContext, StageModule, createStage } from '@norn/stage';
import { ControlStoreModule } from '@norn/stage/control-store';
import { messageOf } from '@norn/base';
import { type Logger, createLogger } from '@norn/telemetry';
import { DataSource } from 'typeorm';
import { CommandKey } from './adapters/command-key.ts';
import { PostgresLedger } from './adapters/postgres-ledger.ts';
import { Background } from './background.ts';
import { type RemediationConfig, loadRemediationConfig } from './remediation.config.ts';
import { RemediationController } from './remediation.controller.ts';
import { Responder } from './responder.ts';

/** Alerts and outcomes are few and waited for: the broker answers with the first byte. */
const minBytes = 1;

@Module({
  imports: [ControlStoreModule],
  controllers: [RemediationController],
  providers: [
    { provide: Responder, useFactory: createResponder, inject: [STAGE_CONFIG, DataSource, PRODUCER] },
    { provide: Background, useFactory: createBackground, inject: [STAGE_CONFIG, DataSource, PRODUCER] },
  ],
})
export class RemediationModule {
  static forStage(context: StageContext): DynamicModule {
    return {
      module: RemediationModule,
      imports: [
        StageModule.forRoot({
          ...context,
          config: loadRemediationConfig,
          consumers: [{ minBytes }],
          producer: { lingerMs: 2 },
          beside: [Background],
        }),
      ],
    };
  }
}

export const remediation = createStage('remediation', RemediationModule);

function createResponder(config: RemediationConfig, source: DataSource, producer: BusProducer): Responder {
  return new Responder(new PostgresLedger(source, config), producer);
}

function createBackground(config: RemediationConfig, source: DataSource, producer: BusProducer): Background {
  const logger = createLogger('remediation');
  return new Background({
    config,
    source,
    logger,
    send: (topic, records) => producer.send(topic, records),
    commandKey: new CommandKey(config.secretsDir, logger),
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
