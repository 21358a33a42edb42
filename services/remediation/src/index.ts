// The stage that answers: policy and alert become signed commands, outcomes become states, everything leaves a trace.
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { BatchServer, ErrorsAsThrown } from '@norn/bus';
import type { Service } from '@norn/stage';
import { Background } from './background.ts';
import { loadRemediationConfig } from './remediation.config.ts';
import { RemediationModule } from './remediation.module.ts';

/** Alerts and outcomes are few and waited for: the broker answers with the first byte. */
const MIN_BYTES = 1;

export const remediation: Service = {
  name: 'remediation',
  async start(environment) {
    const config = loadRemediationConfig(environment);
    const server = new BatchServer(config, [
      { groupId: 'norn.remediation', topics: ['alerts', 'outcomes'], minBytes: MIN_BYTES },
    ]);
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest's options class is an interface in all but name
    const app = await NestFactory.createMicroservice<MicroserviceOptions>(RemediationModule.register(config), {
      strategy: server,
      logger: ['error'],
      abortOnError: false,
    });
    app.useGlobalFilters(new ErrorsAsThrown());
    await app.listen();
    await app.get(Background).start();
    return {
      name: 'remediation',
      health: () =>
        Promise.resolve({ healthy: server.connected, details: { connected: server.connected, lag: server.lag } }),
      close: () => app.close(),
    };
  },
};
