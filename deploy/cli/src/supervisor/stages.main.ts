// All stages and the API as one process.
import { messageOf } from '@norn/base';
import { loadConfig, processEnvironment, settings } from '@norn/config';
import { shareColumns } from '@norn/contracts';
import { prepareStores } from '@norn/prepare';
import { type RunningService, leaveAfter, serveHealth, untilSignal } from '@norn/stage';
import { createLogger, startTelemetry } from '@norn/telemetry';
import { z } from 'zod';
import { busSettings, findInstallation } from '../installation/installation.ts';
import { writeSecret } from '../installation/secrets.ts';
import { loadServices } from '../installation/services.ts';

const closeTimeoutMs = 15_000;
const schema = z.object({ host: settings.host, healthPort: settings.healthPort, traceFile: settings.traceFile });

async function main(): Promise<void> {
  shareColumns();
  const logger = createLogger('stages');
  const config = loadConfig(schema);
  const telemetry = startTelemetry({ serviceName: 'norn', traceFile: config.traceFile });
  const signal = untilSignal();
  const installation = findInstallation();
  const keepJoinToken = (secret: string): void => {
    writeSecret(installation.path('secrets'), 'join.token', secret);
  };
  const [services] = await Promise.all([loadServices(), prepareStores(keepJoinToken)]);
  const running: RunningService[] = [];
  for (const service of services) {
    running.push(await service.start({ ...processEnvironment(), ...busSettings(installation, service.name) }));
    logger.info({ stage: service.name }, 'running');
  }
  // Listens last: who gets an answer knows that all of them run.
  const health = await serveHealth({ host: config.host, port: config.healthPort, services: () => running });
  logger.info({ signal: await signal }, 'closing');
  leaveAfter(closeTimeoutMs, () => {
    logger.error(`Not closed after ${closeTimeoutMs} ms: leaving; what is in hand is redelivered at the next start`);
  });
  // What writes closes before what reads from it.
  for (const service of running.toReversed()) await service.close();
  await health.close();
  await telemetry.close();
}

try {
  await main();
} catch (error) {
  createLogger('stages').fatal({ err: error }, messageOf(error));
  process.exit(1);
}
