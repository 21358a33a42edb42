// Stores the batches of one partition. They are gathered into cuts; a cut is written down before it is inserted, so whoever takes the partition over
// repeats what may be on its way, under the same name, and only then goes on.
import type { BusRecord, Claim, Deferred } from '@norn/bus';
import { timed } from '@norn/pipeline';
import { unfoldedBytes } from '@norn/contracts';
import { createEventsBlock, createProcessesBlock, pushEvents, pushProcess } from '@norn/store';
import { Metric, count } from '@norn/telemetry';
import { type OffsetSpan, cutText, isIn, parsePlan, planText, spansMax, spansOf } from '../inserts/cut.ts';
import { DescribedProcesses } from './described-processes.ts';
import { type Refused, insertHalving } from '../inserts/halve.ts';
import type { Inserts } from '../inserts/inserts.ts';
import type { RowBudget } from '../inserts/row-budget.ts';
import { stretchOf } from './stretch.ts';
import type { OpenedBatch } from '../steps/open-batch.step.ts';

export interface Unit {
  readonly record: BusRecord;
  readonly opened: OpenedBatch;
}

/** Processes first: when a batch's events are there, so is what they refer to. */
export const createBatchBlocks = () => ({ processes: createProcessesBlock(), events: createEventsBlock() });

export type BatchBlocks = ReturnType<typeof createBatchBlocks>;

export interface PartitionParts {
  readonly inserts: Inserts<BatchBlocks>;
  readonly budget: RowBudget;
  /** How long rows wait for more, ms, as things are. */
  readonly lingerMs: () => number;
  /** Resolves when the dead letters are acked. */
  readonly refuse: (refused: readonly Refused<Unit>[]) => Promise<void>;
}

/** Rows that make an insert worth its while before the linger has passed. */
const rowsWanted = 50_000;
/** Rows that a cut takes while the one before is on its way: beyond, whoever brings more waits. */
const rowsMax = 200_000;
/** Rows with more text, bytes, count as several. */
const rowBytes = 512;
/** Months of a cut: each is a part of its own, and ClickHouse takes 100 by one insert. A batch has two at most. */
const monthsMax = 40;
interface Filling {
  readonly units: Unit[];
  readonly months: Set<number>;
  rows: number;
  spans: number;
  settled: PromiseWithResolvers<void>;
}

export class PartitionStore {
  private readonly described = new DescribedProcesses();
  private filling = emptyFilling();
  private inFlight: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  /** What the owner before was about to store. */
  private repeat: readonly (readonly OffsetSpan[])[];
  private readonly repeated: Unit[] = [];

  constructor(
    private readonly claim: Claim,
    private readonly parts: PartitionParts,
  ) {
    this.repeat = parsePlan(claim.written);
    claim.lost.addEventListener('abort', () => {
      this.giveUp();
    });
  }

  private get lost(): AbortSignal {
    return this.claim.lost;
  }

  get isEmpty(): boolean {
    return this.filling.units.length === 0 && this.inFlight === undefined;
  }

  /** Records up to there are repeated as they were planned; -1 when nothing is. */
  get repeatsUntil(): number {
    return Math.max(-1, ...this.repeat.flatMap((cut) => cut.map(({ last }) => last)));
  }

  isRepeated(offset: number): boolean {
    return this.repeat.some((cut) => isIn(cut, offset));
  }

  /** Of what is repeated. */
  addRepeated(units: readonly Unit[]): Deferred {
    this.repeated.push(...units);
    return { settled: this.filling.settled.promise };
  }

  /** Resolves when all that is repeated is stored. */
  async endRepeat(): Promise<void> {
    const { repeat, repeated, filling } = this;
    if (repeat.length === 0) return;
    const names = new Map<readonly Unit[], string>();
    for (const spans of repeat) {
      const cut = repeated.filter(({ record }) => isIn(spans, record.offset));
      // By the name that was written: if the committed offset has passed a part of the cut, all of it is stored under that.
      if (cut.length > 0) names.set(cut, cutText(spans));
    }
    await this.insertAll([...names.keys()], names);
    this.repeat = [];
    repeated.length = 0;
    filling.settled.resolve();
    this.filling = emptyFilling();
  }

  /** Takes the batches when there is room for them. They are stored when `settled` is. Gives up waiting when one of the signals is aborted. */
  async add(units: readonly Unit[], leaving: AbortSignal): Promise<Deferred> {
    if (units.length === 0) return { settled: Promise.resolve() };
    const settled: Promise<void>[] = [];
    for (const unit of units) {
      await this.room(leaving);
      this.fill(unit);
      const { promise } = this.filling.settled;
      if (settled.at(-1) !== promise) settled.push(promise);
    }
    this.pump();
    return { settled: Promise.all(settled).then(() => undefined) };
  }

  private async room(leaving: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([leaving, this.lost]);
    for (;;) {
      signal.throwIfAborted();
      if (this.isWorthwhile()) this.flush();
      if (!this.isFull()) break;
      await orAborted(this.inFlight, signal);
    }
    await this.parts.budget.room(signal);
  }

  private isWorthwhile(): boolean {
    return this.filling.rows >= rowsWanted || this.isFull();
  }

  private isFull(): boolean {
    const { rows, spans, months } = this.filling;
    return rows >= rowsMax || spans >= spansMax || months.size >= monthsMax;
  }

  private fill(unit: Unit): void {
    const { filling } = this;
    const { offset } = unit.record;
    if (filling.units.at(-1)?.record.offset !== offset - 1) filling.spans += 1;
    filling.units.push(unit);
    const rows = weightOf(unit);
    filling.rows += rows;
    filling.months.add(monthOf(unit));
    this.parts.budget.take(rows);
  }

  private pump(): void {
    if (this.isWorthwhile()) this.flush();
    else
      this.timer ??= setTimeout(() => {
        this.flush();
      }, this.parts.lingerMs());
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.inFlight !== undefined || this.filling.units.length === 0 || this.lost.aborted) return;
    const full = this.filling;
    this.filling = emptyFilling();
    this.inFlight = this.storeFilling(full).finally(() => {
      this.inFlight = undefined;
      if (this.filling.units.length > 0) this.pump();
    });
  }

  /** Never rejects: who waits for the rows is told. */
  private async storeFilling(full: Filling): Promise<void> {
    try {
      await this.store(full.units);
      full.settled.resolve();
    } catch (error) {
      full.settled.reject(error);
    } finally {
      this.parts.budget.give(full.rows);
    }
  }

  private async store(cut: readonly Unit[]): Promise<void> {
    await this.writeDown([cut]);
    await this.insertAll([cut]);
  }

  private async insertAll(
    cuts: readonly (readonly Unit[])[],
    names?: ReadonlyMap<readonly Unit[], string>,
  ): Promise<void> {
    const refused = await insertHalving(cuts, {
      insert: (cut) => this.insert(cut, names?.get(cut) ?? nameOf(cut), names !== undefined),
      replan: (left) => {
        this.described.clear();
        return this.writeDown(left);
      },
      signal: this.lost,
    });
    if (refused.length > 0) await this.parts.refuse(refused);
  }

  /** Beside the offset of the partition. */
  private async writeDown(cuts: readonly (readonly Unit[])[]): Promise<void> {
    const offsets = cuts.flat().map(({ record }) => record.offset);
    if (offsets.length === 0) return;
    const text = planText(cuts.map(spansOfCut));
    await this.claim.writeDown({ text, first: Math.min(...offsets), end: Math.max(...offsets) + 1 });
  }

  private insert(cut: readonly Unit[], name: string, isRepeat: boolean): Promise<void> {
    const [{ record } = { record: undefined }] = cut;
    return this.parts.inserts.make({
      token: `${record?.topic}:${record?.partition}:${name}`,
      build: (blocks) => {
        timed({ stage: 'storage', step: 'pushRows' }, () => {
          for (const { opened } of cut) this.push(blocks, opened);
        });
      },
      confirm: () => this.claim.confirm(),
      stretch: () => stretchOf(cut.map(({ opened }) => opened)),
      isRepeat,
      signal: this.lost,
    });
  }

  private push(blocks: BatchBlocks, { owner, batch }: OpenedBatch): void {
    for (const process of this.described.newIn(batch)) pushProcess(blocks.processes, owner, batch, process);
    pushEvents(blocks.events, owner, batch);
    count(Metric.StageEvents, batch.eventCount, { stage: 'storage' });
  }

  /** What was not written down is the next owner's; what was, it repeats. */
  private giveUp(): void {
    clearTimeout(this.timer);
    this.parts.budget.give(this.filling.rows);
    this.filling.settled.reject(this.lost.reason);
    this.filling = emptyFilling();
  }
}

/** Rows of a batch, by their number or by their texts, whichever is more. */
function weightOf({ opened: { batch } }: Unit): number {
  return Math.max(batch.eventCount, Math.ceil(unfoldedBytes(batch.columns) / rowBytes));
}

function spansOfCut(cut: readonly Unit[]): OffsetSpan[] {
  return spansOf(cut.map(({ record }) => record.offset));
}

function nameOf(cut: readonly Unit[]): string {
  return cutText(spansOfCut(cut));
}

function monthOf({ opened }: Unit): number {
  const time = new Date(opened.batch.baseTimeUs / 1000);
  return time.getUTCFullYear() * 12 + time.getUTCMonth();
}

function emptyFilling(): Filling {
  const settled: Filling['settled'] = Promise.withResolvers();
  // Nobody may be waiting when it is given up.
  settled.promise.catch(() => undefined);
  return { units: [], months: new Set(), rows: 0, spans: 0, settled };
}

/** Resolves with the work or when the signal is aborted, whichever is first. */
async function orAborted(work: Promise<void> | undefined, signal: AbortSignal): Promise<void> {
  let end = (): void => undefined;
  const aborted = new Promise<void>((resolve) => {
    end = resolve;
  });
  signal.addEventListener('abort', end);
  await Promise.race([work, aborted]);
  signal.removeEventListener('abort', end);
}
