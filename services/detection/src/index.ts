// The stage that judges: rules over every batch, the agent's findings merged, one alert an attack.
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { type StageBusConfig, BatchServer, type BusConsumer, ErrorsAsThrown, createConsumer } from '@norn/bus';
import type { Service } from '@norn/stage';
import { loadDetectionConfig } from './detection.config.ts';
import { DetectionModule, GROUP_ID, TenantSide } from './detection.module.ts';
import { Detector } from './detector.ts';

// For a replay, which runs the flow without a broker.
export { Correlations } from './correlations/correlations.ts';
export { readRulePack } from './adapters/rule-pack.ts';
export { AlertBook } from './alerts/alert-book.ts';
export { createDetectionPipeline } from './detection.pipeline.ts';
export { createTenantReplay, type TenantReplay } from './tenants/tenant-replay.ts';
export type { BatchAlerts } from './steps/envelope.ts';

/** A batch waits at most this long for others at the broker, ms: alerts are on this path. */
const MAX_WAIT_MS = 20;
const MIN_BYTES = 64 * 1024;

export const detection: Service = {
  name: 'detection',
  async start(environment) {
    const config = loadDetectionConfig(environment);
    const server = new BatchServer(config, [
      { groupId: GROUP_ID, topics: ['lineage'], minBytes: MIN_BYTES, maxWaitMs: MAX_WAIT_MS },
    ]);
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest's options class is an interface in all but name
    const app = await NestFactory.createMicroservice<MicroserviceOptions>(DetectionModule.register(config), {
      strategy: server,
      logger: ['error'],
      abortOnError: false,
    });
    const detector = app.get(Detector);
    server.prepareWith(
      (_topic, partition, nextOffset) => detector.prepare(partition, nextOffset),
      (_topic, partition) => {
        detector.release(partition);
      },
    );
    app.useGlobalFilters(new ErrorsAsThrown());
    await app.listen();
    const tenants = await consumeTenants(config, app.get(TenantSide));
    return {
      name: 'detection',
      health: () => {
        const connected = server.connected && tenants.connected;
        return Promise.resolve({ healthy: connected, details: { connected, lag: server.lag } });
      },
      close: async () => {
        await app.get(TenantSide).clock.close();
        await tenants.close();
        await app.close();
      },
    };
  },
};

/** The second, small consumer: what counts over all hosts of a tenant. */
async function consumeTenants(config: StageBusConfig, { detector, clock }: TenantSide): Promise<BusConsumer> {
  const consumer = await createConsumer(config, {
    groupId: `${GROUP_ID}.tenants`,
    handlers: new Map([['occurrences', (batch) => detector.handle(batch)]]),
    prepare: (_topic, partition, nextOffset) => detector.prepare(partition, nextOffset),
    release: (_topic, partition) => {
      detector.release(partition);
    },
    maxWaitMs: MAX_WAIT_MS,
  });
  clock.start();
  return consumer;
}
