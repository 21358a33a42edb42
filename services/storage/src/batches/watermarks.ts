// The highest batch of each stream that is stored or about to be. For a stream that this process has not seen, ClickHouse is asked.
import { Recent } from '../recent.ts';

/** Streams remembered of one partition; forgetting one costs a question. */
export const streamsMax = 50_000;

export interface StreamName {
  readonly tenantId: string;
  readonly hostId: string;
  readonly streamIdHex: string;
}

/** Replayed batches remembered of one partition; forgetting one costs a question. */
const replayedMax = 10_000;

export type IsStored = (stream: StreamName, batchSeq: number, sinceUs: number) => Promise<boolean>;

export type AskStored = (stream: StreamName, sinceUs: number) => Promise<number>;

export class Watermarks {
  private readonly partitions = new Map<number, Recent<number>>();

  private readonly replayed = new Recent<true>(replayedMax);

  constructor(
    private readonly ask: AskStored,
    private readonly isStored: IsStored = () => Promise.resolve(false),
  ) {}

  /** As `take`, for a batch out of the dead letters: the ones behind it are stored already, so it alone is asked for. */
  async takeReplayed(stream: StreamName, { batchSeq, timeUs }: { batchSeq: number; timeUs: number }): Promise<boolean> {
    const name = `${stream.tenantId}:${stream.hostId}:${stream.streamIdHex}:${batchSeq}`;
    if (this.replayed.get(name) || (await this.isStored(stream, batchSeq, timeUs))) return false;
    this.replayed.set(name, true);
    return true;
  }

  /** True when the batch is new, and from then on it counts as stored. `timeUs`: of the batch. */
  async take(
    partition: number,
    stream: StreamName,
    { batchSeq, timeUs }: { batchSeq: number; timeUs: number },
  ): Promise<boolean> {
    const marks = this.marksOf(partition);
    const name = `${stream.tenantId}:${stream.hostId}:${stream.streamIdHex}`;
    const mark = marks.get(name) ?? (await this.ask(stream, timeUs));
    const isNew = batchSeq > mark;
    marks.set(name, isNew ? batchSeq : mark);
    return isNew;
  }

  /** The partition comes from somebody else, or something failed: what is stored must be asked again. */
  forget(partition: number): void {
    this.partitions.delete(partition);
  }

  private marksOf(partition: number): Recent<number> {
    const marks = this.partitions.get(partition) ?? new Recent<number>(streamsMax);
    this.partitions.set(partition, marks);
    return marks;
  }
}
