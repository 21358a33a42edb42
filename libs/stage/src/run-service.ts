// What the main.ts of every stage calls: one service, its health, its end by signal.
import { Logger } from '@nestjs/common';
import { NornError, messageOf } from '@norn/base';
import { loadConfig, processEnvironment, settings } from '@norn/config';
import { createLogger, startTelemetry } from '@norn/telemetry';
import { z } from 'zod';
import { NestLogger } from './nest-logger.ts';
import { leaveAfter, untilSignal } from './process-end.ts';
import { serveHealth } from './serve-health.ts';
import type { RunningService, Service } from './service.ts';

const schema = z.object({ host: settings.host, healthPort: settings.healthPort, traceFile: settings.traceFile });

/** How long a stage may take to finish what is in hand, ms. */
const closeTimeoutMs = 10_000;
/** And one that could not start, to write why. */
const failedTimeoutMs = 500;

/** Starts the service, serves /healthz and /metrics, and returns when SIGTERM or SIGINT has closed it. Exits with 1 when it cannot start. */
export async function runService(service: Service): Promise<void> {
  const logger = createLogger(service.name);
  Logger.overrideLogger(new NestLogger());
  try {
    await runUntilSignal(service, logger);
  } catch (error) {
    logger.fatal({ code: error instanceof NornError ? error.code : 'crashed', err: error }, messageOf(error));
    process.exitCode = 1;
    // What it had begun to connect to may try for long, and who restarts it waits for its end.
    leaveAfter(failedTimeoutMs, () => undefined);
  }
}

async function runUntilSignal(service: Service, logger: ReturnType<typeof createLogger>): Promise<void> {
  const config = loadConfig(schema);
  const telemetry = startTelemetry({ serviceName: service.name, traceFile: config.traceFile });
  const running: RunningService[] = [];
  const health = await serveHealth({ host: config.host, port: config.healthPort, services: () => running });
  const signal = untilSignal();
  try {
    running.push(await service.start(processEnvironment()));
    logger.info({ healthPort: health.port }, 'running');
    logger.info({ signal: await signal }, 'closing');
    leaveAfter(closeTimeoutMs, () => {
      logger.error(`Not closed after ${closeTimeoutMs} ms: leaving; what is in hand is redelivered at the next start`);
    });
    for (const one of running) await one.close();
  } finally {
    await health.close();
    await telemetry.close();
  }
}
