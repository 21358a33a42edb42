// What Nest says, in pino's JSON like everything else. Nest has one logger for a process, whatever runs in it, so it has no stage's name.
import type { LoggerService } from '@nestjs/common';
import { createLogger } from '@norn/telemetry';

type Level = 'debug' | 'warn' | 'error' | 'fatal';

export class NestLogger implements LoggerService {
  private readonly logger = createLogger('nest');

  /** Of each module and handler at the start: for those who look for something. */
  log(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  /** The last of `rest` is which part of Nest speaks, the one before it a stack where there is one. */
  private write(level: Level, message: unknown, rest: readonly unknown[]): void {
    const context = rest.at(-1);
    if (message instanceof Error) this.logger[level]({ context, err: message }, message.message);
    else this.logger[level]({ context, stack: rest.at(-2) }, String(message));
  }
}
