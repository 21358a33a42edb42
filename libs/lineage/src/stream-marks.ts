// Which batches of a host have been applied: the highest number of each start of its agent. A batch that comes again is known by it.

/** Starts of the agent remembered of one host. */
export const streamsMax = 16;

export class StreamMarks {
  private readonly marks = new Map<string, number>();

  /** `streamId` as hex. */
  isApplied(streamId: string, batchSeq: number): boolean {
    return batchSeq <= (this.marks.get(streamId) ?? 0);
  }

  /** Returns how many batches before this one never came. */
  apply(streamId: string, batchSeq: number): number {
    const before = this.marks.get(streamId);
    // Taken out and put in again: the newest stands last.
    this.marks.delete(streamId);
    // One that was refused when it came may come later.
    this.marks.set(streamId, Math.max(batchSeq, before ?? 0));
    if (this.marks.size > streamsMax) this.marks.delete(this.marks.keys().next().value ?? '');
    return before === undefined ? 0 : Math.max(0, batchSeq - before - 1);
  }

  /** Oldest first. */
  entries(): IterableIterator<[string, number]> {
    return this.marks.entries();
  }
}
