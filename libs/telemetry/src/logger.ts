// Structured logs: one JSON line each, to standard output.
import { loadConfig, settings } from '@norn/config';
import { type Logger, pino } from 'pino';
import { z } from 'zod';

export type { Logger } from 'pino';

const schema = z.object({ logLevel: settings.logLevel });
let root: Logger | undefined;

/** `name` says which part of Norn speaks. The level is the setting `logLevel`. Secrets never go into a log. */
export function createLogger(name: string): Logger {
  root ??= pino({ level: loadConfig(schema).logLevel, base: { pid: process.pid } });
  return root.child({ name });
}
