// Commits what handlers have finished, at most every so often: a commit is a round trip, a redelivery after a crash is harmless.
import { messageOf } from '@norn/base';
import { createLogger } from '@norn/telemetry';
import type { Consumer } from 'kafkajs';

/** Longest time between the end of a handler and its commit, ms. */
export const commitIntervalMs = 200;

interface Position {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
}

export class Commits {
  private readonly logger = createLogger('bus');
  private positions = new Map<string, Position>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly consumer: Consumer) {}

  /** The outputs of everything below `nextOffset` are acked. */
  done(topic: string, partition: number, nextOffset: number): void {
    this.positions.set(`${topic}:${partition}`, { topic, partition, offset: String(nextOffset) });
    this.timer ??= setTimeout(() => void this.flush(), commitIntervalMs);
  }

  /** Partitions that went to somebody else must not be committed by us. */
  forget(): void {
    this.positions.clear();
  }

  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    const positions = [...this.positions.values()];
    this.positions = new Map();
    if (positions.length === 0) return;
    try {
      await this.consumer.commitOffsets(positions);
    } catch (error) {
      // The next commit of the partition covers this one; if there is none, the records come again.
      this.logger.debug({ code: 'commit_failed' }, messageOf(error));
    }
  }
}
