// Inserts of this process, a few at a time: each has blocks of its own, which are used again.
import { setTimeout as sleep } from 'node:timers/promises';
import { AwayError, isAway, messageOf } from '@norn/base';
import type { AnyBlock, StoreWriter } from '@norn/store';
import { Metric, count, createLogger, record } from '@norn/telemetry';

type BlockSet = Readonly<Record<string, AnyBlock>>;

/** Inserts on their way at once, of all partitions. */
const insertsMax = 4;
const retryMs = { first: 100, most: 5_000 };

export interface InsertOrder<Blocks> {
  /** Pushes the rows. What it throws is the rows' fault. */
  readonly build: (blocks: Blocks) => void;
  readonly token: string;
  /** Asked before each attempt: false when it is not the time. */
  readonly confirm?: () => Promise<boolean>;
  readonly signal: AbortSignal;
}

export class Inserts<Blocks extends BlockSet> {
  private readonly logger = createLogger('storage');
  private readonly spare: Blocks[] = [];
  private readonly waiting: (() => void)[] = [];
  private running = 0;
  /** Why an insert on its way has failed last; empty while all is well. */
  failure = '';

  constructor(
    private readonly writer: Pick<StoreWriter, 'insert'>,
    private readonly create: () => Blocks,
  ) {}

  /** Stores all rows, trying until it succeeds. Throws when the rows are refused, or `signal` is aborted. */
  async make({ build, token, confirm, signal }: InsertOrder<Blocks>): Promise<void> {
    await this.turn();
    const blocks = this.spare.pop() ?? this.create();
    try {
      signal.throwIfAborted();
      build(blocks);
      for (const block of Object.values(blocks)) {
        if (block.rows > 0) await this.insert(block, { token, signal, ...(confirm && { confirm }) });
      }
    } finally {
      for (const block of Object.values(blocks)) block.clear();
      this.spare.push(blocks);
      this.running -= 1;
      this.waiting.shift()?.();
    }
  }

  private async turn(): Promise<void> {
    while (this.running >= insertsMax) {
      await new Promise<void>((resolve) => {
        this.waiting.push(resolve);
      });
    }
    this.running += 1;
  }

  private async insert(
    block: AnyBlock,
    { token, confirm, signal }: Pick<InsertOrder<Blocks>, 'token' | 'confirm' | 'signal'>,
  ): Promise<void> {
    const { table } = block;
    for (let waitMs = retryMs.first; ; waitMs = Math.min(waitMs * 2, retryMs.most)) {
      const start = performance.now();
      try {
        if (confirm !== undefined && !(await confirm())) throw new AwayError('group_rebalances', 'The group changes');
        await this.writer.insert(block, token, signal);
        record(Metric.StorageInsertMs, performance.now() - start, { table });
        count(Metric.StorageInserts, 1, { table });
        count(Metric.StorageRows, block.rows, { table });
        this.failure = '';
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (!isAway(error)) throw error;
        if (this.failure === '') this.logger.warn({ code: 'insert_failed', table }, messageOf(error));
        this.failure = messageOf(error);
        count(Metric.StorageInsertRetries, 1, { table });
        await sleep(waitMs, undefined, { signal });
      }
    }
  }
}
