// Keeps the trees over restarts: writes them down as they change, and builds them again for a partition that this process was given.
// A snapshot is taken only between batches, when everything in the tree has been sent and acked.
import type { OnModuleDestroy } from '@nestjs/common';
import { messageOf } from '@norn/base';
import type { Claim } from '@norn/bus';
import { openBatch } from '@norn/contracts';
import { writeSnapshot } from '@norn/lineage';
import type { HealthReport, ReportsHealth } from '@norn/stage';
import { Metric, createLogger, observe } from '@norn/telemetry';
import { Forest } from './forest.ts';
import type { Forests } from './ports/forests.ts';
import type { SnapshotStore } from './ports/snapshot-store.ts';

export class TreeKeeper implements Forests, ReportsHealth, OnModuleDestroy {
  private readonly logger = createLogger('process-tree');
  private readonly forests = new Map<number, Forest>();
  private readonly busy = new Set<number>();
  private readonly timer: NodeJS.Timeout;
  private readonly forget: readonly (() => void)[];
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: SnapshotStore,
    private readonly snapshotMs: number,
  ) {
    // For hosts that fell silent; the others are written down between two batches.
    this.timer = setInterval(() => {
      for (const partition of this.forests.keys()) this.writeLater(partition);
    }, snapshotMs / 2);
    this.forget = [
      observe(Metric.TreeHosts, () => this.sum((forest) => forest.hosts.size)),
      observe(Metric.TreeNodes, () => this.sum((forest) => forest.nodeCount)),
    ];
  }

  forestOf(partition: number): Forest {
    const forest = this.forests.get(partition);
    if (forest === undefined) throw new Error(`Partition ${partition} was not prepared`);
    return forest;
  }

  health(): HealthReport {
    return { healthy: true, details: { hosts: this.sum((forest) => forest.hosts.size) } };
  }

  /** Builds the partition's trees as they were before the record at `nextOffset`: from snapshots, then from the log, without output. */
  async prepare(partition: number, nextOffset: number, claim: Pick<Claim, 'confirm'>): Promise<void> {
    this.forests.delete(partition);
    const written = await this.store.read(partition);
    const forest = new Forest(() => claim.confirm());
    for (const [key, state] of written.states) {
      forest.hosts.set(key, state);
      forest.wrote(key, this.spread());
    }
    await this.store.replay(partition, written.coveredOffset, nextOffset, (key, value, offset) => {
      replayBatch(forest, key, value, offset);
    });
    forest.nextOffset = nextOffset;
    this.forests.set(partition, forest);
    const replayed = nextOffset - written.coveredOffset;
    this.logger.info({ partition, hosts: forest.hosts.size, nodes: forest.nodeCount, replayed }, 'trees are back');
  }

  /** Handles a batch of a partition and then writes down what is due. */
  async during(partition: number, nextOffset: number, handle: () => Promise<unknown>): Promise<void> {
    this.busy.add(partition);
    try {
      await handle();
      const forest = this.forestOf(partition);
      forest.nextOffset = nextOffset;
      if (await forest.isOwned()) await this.write(partition, forest);
    } finally {
      this.busy.delete(partition);
    }
  }

  /** Another process has the partition now; its snapshots are its own. */
  release(partition: number): void {
    this.forests.delete(partition);
  }

  /** What is not written down is in the log: the next start replays it. */
  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    for (const forget of this.forget) forget();
    await this.writing;
  }

  private writeLater(partition: number): void {
    this.writing = this.writing
      .then(async () => {
        const forest = this.forests.get(partition);
        const isIdle = (): boolean => forest === this.forests.get(partition) && !this.busy.has(partition);
        if (forest === undefined || !isIdle()) return;
        // An owner that was forgotten must not write over what the next one wrote.
        if ((await forest.isOwned()) && isIdle()) await this.write(partition, forest);
      })
      .catch((error: unknown) => {
        // The trees are in memory and in the log; the next round writes them.
        this.logger.warn({ code: 'snapshot_failed', partition }, messageOf(error));
      });
  }

  /** What is due; a host's first snapshot always is, so a partition with committed offsets has one of every host. */
  private async write(partition: number, forest: Forest): Promise<void> {
    const before = performance.now() - this.snapshotMs;
    const due = [...forest.unwritten].filter(([key]) => (forest.writtenAt.get(key) ?? -Infinity) <= before);
    if (due.length === 0) return;
    const snapshots = new Map<string, Uint8Array>();
    for (const [key] of due) {
      const state = forest.hosts.get(key);
      if (state !== undefined) snapshots.set(key, writeSnapshot(state));
      forest.wrote(key, forest.writtenAt.has(key) ? performance.now() : this.spread());
    }
    try {
      await this.store.write(partition, snapshots, forest.coveredOffset);
    } catch (error) {
      for (const [key, offset] of due) forest.unwritten.set(key, offset);
      throw error;
    }
  }

  /** A moment within the last interval, so that hosts that came together are not all due together. */
  private spread(): number {
    return performance.now() - Math.random() * this.snapshotMs;
  }

  private sum(of: (forest: Forest) => number): number {
    let sum = 0;
    for (const forest of this.forests.values()) sum += of(forest);
    return sum;
  }
}

function replayBatch(forest: Forest, key: string, value: Uint8Array, offset: number): void {
  const state = forest.stateOf(key);
  if (offset < state.nextOffset) return;
  const batch = openOrSkip(value);
  if (batch === undefined || state.isApplied(batch)) return;
  state.apply(batch, offset + 1);
  forest.grew(key, offset);
}

/** What is malformed was dead-lettered when it was first read. */
function openOrSkip(value: Uint8Array): ReturnType<typeof openBatch> | undefined {
  try {
    const batch = openBatch(value);
    return batch.columns.kind.length === batch.eventCount ? batch : undefined;
  } catch {
    return undefined;
  }
}
