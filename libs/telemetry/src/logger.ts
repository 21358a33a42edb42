// Structured logs: one JSON line each, to standard output.
import { loadConfig, settings } from '@norn/config';
import { type DestinationStream, type Logger, pino } from 'pino';
import { z } from 'zod';

export type { Logger } from 'pino';

const schema = z.object({ logLevel: settings.logLevel });
/** Lines that wait for room; those beyond are lost. */
const waitingBytesMax = 1024 * 1024;
let root: Logger | undefined;

/** For a command, whose standard output is its answer. Before anything makes a logger. */
export function logToStandardError(): void {
  root = pino(
    { level: loadConfig(schema).logLevel, base: { pid: process.pid } },
    pino.destination({ fd: 2, sync: true }),
  );
}

/** `name` says which part of Norn speaks. The level is the setting `logLevel`. Secrets never go into a log. */
export function createLogger(name: string): Logger {
  root ??= pino({ level: loadConfig(schema).logLevel, base: { pid: process.pid } }, standardOutput());
  return root.child({ name });
}

/** A disk without room takes the log, not the process that writes it: what waits is tried again with the next line. */
function standardOutput(): DestinationStream {
  const output = pino.destination({ dest: 1, sync: false, maxLength: waitingBytesMax });
  output.on('error', () => undefined); // There is nowhere else to say it.
  return output;
}
