// Starts tyr and waits for its end. SIGTERM and SIGINT stop it and baldur; SIGKILL leaves baldur protecting, and the next tyr adopts it.
import { messageOf } from '@norn/base';
import { pino } from 'pino';
import { loadTyrConfig } from './tyr.config.ts';
import { Tyr } from './tyr.ts';

export async function runTyr(): Promise<never> {
  const config = loadTyrConfig();
  const logger = pino({ level: config.logLevel, base: { pid: process.pid, name: 'tyr' } });
  const tyr = new Tyr(config, logger);
  try {
    await tyr.start();
  } catch (error) {
    logger.fatal({ err: error }, messageOf(error));
    process.exit(1);
  }
  logger.info('running');
  const signal = await untilSignal();
  logger.info({ signal }, 'closing');
  await tyr.stop();
  process.exit(0);
}

function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
  });
}
