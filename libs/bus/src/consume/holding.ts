// A partition that this member of a group was given, from its first batch until it is lost or a handler failed.
import { NornError } from '@norn/base';
import type { TopicName } from '../flow.ts';

/** What a handler is about to do with records, in its own words. It is done when everything below `end` is. */
export interface Plan {
  readonly text: string;
  /** Everything below is done already. */
  readonly first: number;
  readonly end: number;
}

/** What a handler has of its partition. */
export interface Claim {
  /** The plan that the owner before wrote down and did not finish, or did and could not say so; empty when there is none. */
  readonly written: string;
  /** Aborted when the partition is somebody else's, or its records come again from the start. */
  readonly lost: AbortSignal;
  /** Resolves when the broker has it: whoever takes the partition over will read it. Throws `partition_lost`. */
  writeDown(plan: Plan): Promise<void>;
  /** True when the broker said, at most some seconds ago, that the partition is this member's. Waits for nobody. */
  confirm(): Promise<boolean>;
}

/** A commit speaks for at most this long: the process may have been stopped since, and be forgotten by its group. Half of a session. */
const confirmMs = 3_000;

/** The committed offset and what stands beside it, as they were taken over. */
export interface TakenMark {
  readonly offset: number;
  readonly metadata: string;
  readonly plan: string;
}

export interface TakenPartition {
  readonly topic: TopicName;
  readonly partition: number;
  /** Of the first record that comes. */
  readonly nextOffset: number;
  readonly taken: TakenMark;
}

/** Who tells the broker how far a holding is. */
interface Committing {
  /** Resolves when the broker has it. Throws `partition_lost`. */
  now(holding: Holding): Promise<void>;
  /** One attempt; false while the group changes, or the broker is away. */
  once(holding: Holding): Promise<boolean>;
}

export class Holding implements Claim {
  /** Offset of the next record that the handler gets. */
  next: number;
  /** Everything below is done. */
  done: number;
  plan: string;
  /** Settles when everything that was taken so far is; what comes after is not done before it. */
  tail: Promise<unknown> = Promise.resolve();
  /** False from a new generation's start until it is known that nobody else had the partition meanwhile. */
  isSure = true;
  private confirmedAt = -Infinity;
  /** Of a plan that was taken over it is not known: the next one takes its place. */
  private planEnd = Infinity;
  private readonly losing = new AbortController();

  readonly topic: TopicName;
  readonly partition: number;
  readonly taken: TakenMark;

  constructor(
    { topic, partition, nextOffset, taken }: TakenPartition,
    private readonly commits: Committing,
  ) {
    this.topic = topic;
    this.partition = partition;
    this.taken = taken;
    this.next = nextOffset;
    this.done = nextOffset;
    this.plan = taken.plan;
  }

  get written(): string {
    return this.taken.plan;
  }

  get lost(): AbortSignal {
    return this.losing.signal;
  }

  async writeDown({ text, first, end }: Plan): Promise<void> {
    this.done = Math.max(this.done, first);
    this.plan = text;
    this.planEnd = end;
    const startedAt = performance.now();
    await this.commits.now(this);
    this.confirmedAt = startedAt;
  }

  async confirm(): Promise<boolean> {
    if (this.lost.aborted) return false;
    const startedAt = performance.now();
    if (startedAt - this.confirmedAt <= confirmMs) return true;
    if (!(await this.commits.once(this)) || this.losing.signal.aborted) return false;
    this.confirmedAt = startedAt;
    return true;
  }

  /** Everything below `next` is done. */
  advance(next: number): void {
    this.done = Math.max(this.done, next);
    if (this.done >= this.planEnd) this.plan = '';
  }

  lose(): void {
    if (this.lost.aborted) return;
    const where = `Partition ${this.partition} of ${this.topic}`;
    this.losing.abort(new NornError('partition_lost', `${where} is somebody else's now, or begins again`));
  }
}
