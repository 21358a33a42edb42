// Prepares the stores for stages that run as processes of their own: once before each installation or upgrade.
import { messageOf } from '@norn/base';
import { createLogger } from '@norn/telemetry';
import { prepareEvents, prepareStores } from './prepare-stores.ts';

const logger = createLogger('prepare');
try {
  await Promise.all([prepareStores(), prepareEvents()]);
  logger.info('topics, tables and the first tenant are there');
} catch (error) {
  logger.fatal({ err: error }, messageOf(error));
  process.exit(1);
}
