// How far a hunt is: the share of the rows that were read, over all questions that look through its time.
import type { ReadProgress } from '@norn/store';

/** `share` is 0 … 1 and never less than before; `rowsRead` counts a row once for each question. */
export type TellProgress = (share: number, rowsRead: number) => void;

export class HuntProgress {
  private readonly shares: number[] = [];
  private readonly read: number[] = [];

  constructor(
    private readonly questions: number,
    private readonly tell: TellProgress,
  ) {}

  /** Asks the next question, and follows it to its end. */
  async follow<Answer>(ask: (onProgress: (progress: ReadProgress) => void) => Promise<Answer>): Promise<Answer> {
    const at = this.shares.push(0) - 1;
    this.read.push(0);
    const answer = await ask(({ rowsRead, rowsToRead }) => {
      this.take(at, rowsToRead === 0 ? 0 : rowsRead / rowsToRead, rowsRead);
    });
    this.take(at, 1, this.read[at] ?? 0);
    return answer;
  }

  /** What there is to read grows while a query runs, and with it the share would shrink. */
  private take(at: number, share: number, rowsRead: number): void {
    this.shares[at] = Math.max(this.shares[at] ?? 0, Math.min(1, share));
    this.read[at] = rowsRead;
    this.tell(sum(this.shares) / this.questions, sum(this.read));
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
