// Commits what handlers have finished, at most once in `commitIntervalMs`: a commit is a round trip, a redelivery after a crash is harmless.
// Plans are written beside the offset, at once.
import { messageOf } from '@norn/base';
import { createLogger } from '@norn/telemetry';
import type { Consumer } from 'kafkajs';
import { backOff } from '../kafka/failure.ts';
import { topics } from '../flow.ts';
import type { Holding } from './holding.ts';
import { markText } from '../kafka/mark.ts';

/** Longest time between the end of a handler and its commit, ms. */
export const commitIntervalMs = 200;

export class Commits {
  private readonly logger = createLogger('bus');
  private dirty = new Set<Holding>();
  private timer: NodeJS.Timeout | undefined;
  private consumer: Consumer | undefined;
  private generation = 0;
  private committed = 0;
  /** One request at a time: a plan must not be overtaken by the commit before it. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly owner: string) {}

  /** From now on through this consumer; its generation follows. */
  use(consumer: Consumer): void {
    this.consumer = consumer;
    consumer.on(consumer.events.COMMIT_OFFSETS, () => {
      this.committed += 1;
    });
  }

  joined(generation: number): void {
    this.generation = generation;
  }

  /** The outputs of everything below `holding.done` are acked. */
  done(holding: Holding): void {
    this.dirty.add(holding);
    this.timer ??= setTimeout(() => void this.flush(), commitIntervalMs);
  }

  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    const holdings = [...this.dirty];
    this.dirty = new Set();
    // The next commit of a partition covers this one; if there is none, the records come again.
    await this.send(holdings);
  }

  /** Resolves when the broker has it. Throws `partition_lost`. */
  async now(holding: Holding): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      holding.lost.throwIfAborted();
      const isCommitted = await this.send([holding]);
      holding.lost.throwIfAborted();
      if (isCommitted) return;
      await backOff(attempt, holding.lost).catch(() => undefined);
    }
  }

  /** One attempt; false while the group changes, or the broker is away. */
  once(holding: Holding): Promise<boolean> {
    return this.send([holding]);
  }

  private send(holdings: readonly Holding[]): Promise<boolean> {
    const sent = this.last.then(() => this.request(holdings));
    this.last = sent;
    return sent;
  }

  /** Never throws. False when nothing was committed: whoever lost a partition must not commit it. */
  private async request(holdings: readonly Holding[]): Promise<boolean> {
    const own = holdings.filter(({ lost, isSure }) => isSure && !lost.aborted);
    if (own.length === 0 || this.consumer === undefined) return false;
    const before = this.committed;
    try {
      await this.consumer.commitOffsets(own.map((holding) => this.positionOf(holding)));
    } catch (error) {
      this.logger.debug({ code: 'commit_failed' }, messageOf(error));
      return false;
    }
    // A consumer that does not run says nothing and commits nothing.
    return this.committed > before;
  }

  private positionOf({ topic, partition, done, plan }: Holding) {
    const metadata = markText({ generation: this.generation, owner: this.owner, plan });
    return { topic: topics[topic], partition, offset: String(done), metadata };
  }
}
