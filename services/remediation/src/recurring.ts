// Work that is done when somebody wakes it and at the latest after a fixed time; never twice at once.
import { messageOf } from '@norn/base';
import type { Logger } from '@norn/telemetry';

export interface RecurringOptions {
  readonly name: string;
  readonly everyMs: number;
  readonly logger: Logger;
  /** Returns true when there may be more to do at once. */
  readonly work: () => Promise<boolean>;
}

export class Recurring {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private woken = false;
  private closed = false;
  private failures = 0;

  constructor(private readonly options: RecurringOptions) {}

  start(): void {
    this.wake();
  }

  wake(): void {
    this.woken = true;
    if (this.closed || this.running) return;
    clearTimeout(this.timer);
    this.running = this.run().finally(() => {
      this.running = undefined;
      if (this.woken) this.wake();
      else this.rest();
    });
  }

  /** Lets what is running end. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.running;
  }

  private rest(): void {
    if (this.closed) return;
    this.timer = setTimeout(() => {
      this.wake();
    }, this.options.everyMs);
  }

  /** After a failure it is tried again at the next turn: the work is in the database and does not go away. */
  private async run(): Promise<void> {
    const { name, logger, work } = this.options;
    this.woken = false;
    try {
      this.woken = (await work()) || this.woken;
      if (this.failures > 0) logger.info({ work: name, failures: this.failures }, 'works again');
      this.failures = 0;
    } catch (error) {
      this.woken = false;
      this.failures += 1;
      // Once: a database that is away would fill the log.
      if (this.failures === 1) logger.error({ code: 'recurring_failed', work: name, err: error }, messageOf(error));
    }
  }
}
