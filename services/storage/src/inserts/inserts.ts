// Inserts of this process, a few at a time: each has blocks of its own, which are used again.
import { setTimeout as sleep } from 'node:timers/promises';
import { AwayError, NornError, backOffMs, isAway, messageOf } from '@norn/base';
import type { AnyBlock, BatchStretch, StoreWriter } from '@norn/store';
import { Metric, count, createLogger, record } from '@norn/telemetry';
import PQueue from 'p-queue';

type BlockSet = Readonly<Record<string, AnyBlock>>;

/** Inserts on their way at once, of all partitions. */
const insertsMax = 4;
const retryWait = { firstMs: 100, mostMs: 5_000 } as const;
/** Whatever ClickHouse still did with an insert that seemed to have failed is done after this, ms. */
const settledMs = 1_000;

export interface InsertOrder<Blocks> {
  /** Pushes the rows. What it throws is the rows' fault. */
  readonly build: (blocks: Blocks) => void;
  readonly token: string;
  /** Asked before each attempt: false when it is not the time. */
  readonly confirm?: () => Promise<boolean>;
  /** Where the rows of events are looked for; of other tables a row that comes again replaces itself. */
  readonly stretch?: () => BatchStretch;
  /** Somebody may have made this insert before. */
  readonly isRepeat?: boolean;
  readonly signal: AbortSignal;
}

/** A number that its column does not hold is the record's fault, and has a code. */
function fill<Blocks>(blocks: Blocks, build: (blocks: Blocks) => void): void {
  try {
    build(blocks);
  } catch (error) {
    throw new NornError('rows_refused', `A row can not be made of it (${messageOf(error)})`, { cause: error });
  }
}

export class Inserts<Blocks extends BlockSet> {
  private readonly logger = createLogger('storage');
  private readonly spare: Blocks[] = [];
  private readonly turns = new PQueue({ concurrency: insertsMax });
  /** Why an insert on its way has failed last; empty while all is well. */
  failure = '';

  constructor(
    private readonly writer: Pick<StoreWriter, 'insert' | 'insertMissing'>,
    private readonly create: () => Blocks,
  ) {}

  /** Stores all rows, trying until it succeeds. Throws when the rows are refused, or `signal` is aborted. */
  make(order: InsertOrder<Blocks>): Promise<void> {
    return this.turns.add(() => this.inTurn(order));
  }

  private async inTurn(order: InsertOrder<Blocks>): Promise<void> {
    const { build, signal } = order;
    const blocks = this.spare.pop() ?? this.create();
    try {
      signal.throwIfAborted();
      fill(blocks, build);
      for (const block of Object.values(blocks)) {
        if (block.rows > 0) await this.insert(block, order);
      }
    } finally {
      for (const block of Object.values(blocks)) block.clear();
      this.spare.push(blocks);
    }
  }

  /**
   * An insert that had to be made again, or that somebody made before, may be taken for one that is stored and not be: ClickHouse writes its token
   * down first, and may have ended then. So what is not there is stored under a further name, until that goes well at once.
   */
  private async insert(block: AnyBlock, order: InsertOrder<Blocks>): Promise<void> {
    const { token, stretch, signal } = order;
    let isSure = await this.tried(block, order, () => this.writer.insert(block, token, signal));
    isSure &&= order.isRepeat !== true;
    for (let turn = 1; !isSure; turn++) {
      await sleep(settledMs, undefined, { signal });
      const name = `${token}/${turn}`;
      isSure = await this.tried(block, order, () =>
        block.table === 'events' && stretch !== undefined
          ? this.writer.insertMissing(block, name, { stretch: stretch(), signal })
          : this.writer.insert(block, name, signal),
      );
    }
    count(Metric.StorageRows, block.rows, { table: block.table });
  }

  /** Resolves when it has succeeded: with true when it was made once. */
  private async tried(block: AnyBlock, order: InsertOrder<Blocks>, attempt: () => Promise<void>): Promise<boolean> {
    const { table } = block;
    const { confirm, signal } = order;
    let attempts = 0;
    for (let failures = 0; ; failures += 1) {
      const start = performance.now();
      try {
        if (confirm !== undefined && !(await confirm())) throw new AwayError('group_rebalances', 'The group changes');
        attempts += 1;
        await attempt();
        record(Metric.StorageInsertMs, performance.now() - start, { table });
        count(Metric.StorageInserts, 1, { table });
        this.failure = '';
        return attempts === 1;
      } catch (error) {
        signal.throwIfAborted();
        if (!isAway(error)) throw error;
        if (this.failure === '') this.logger.warn({ code: 'insert_failed', table }, messageOf(error));
        this.failure = messageOf(error);
        count(Metric.StorageInsertRetries, 1, { table });
        await sleep(backOffMs(failures, retryWait), undefined, { signal });
      }
    }
  }
}
