// Tyr as a process. SIGTERM and SIGINT stop it and baldur; SIGKILL leaves baldur protecting, and the next tyr adopts it.
import { messageOf } from '@norn/base';
import { pino } from 'pino';
import { loadTyrConfig } from './tyr.config.ts';
import { Tyr } from './tyr.ts';

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
const signal = await new Promise<NodeJS.Signals>((resolve) => {
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, resolve);
});
logger.info({ signal }, 'closing');
await tyr.stop();
process.exit(0);
