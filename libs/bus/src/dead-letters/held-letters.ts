// The letters that a reading found, and what was done with each: that stands behind it.
import type { BusRecord } from '../record.ts';
import { type DeadLetter, type DeadLetterState, letterOf, newestFirst } from './letter.ts';

/** Headers of a record that says what was done with another. */
export const deed = { of: 'letter', state: 'letter_state', by: 'letter_by' } as const;
/** Letters that are held at once, without their bytes: about 1 KB each. */
export const lettersMax = 200_000;

export interface Wanted {
  readonly isWanted: (letter: DeadLetter) => boolean;
  readonly state?: DeadLetterState | undefined;
  readonly max: number;
}

export class HeldLetters {
  total = 0;
  private readonly letters = new Map<string, DeadLetter>();

  constructor(private readonly wanted: Wanted) {}

  take(record: BusRecord): void {
    const of = record.headers[deed.of];
    if (of === undefined) this.add(letterOf(record));
    else this.note(of, { state: record.headers[deed.state] as DeadLetterState, by: record.headers[deed.by] ?? '' });
  }

  newest(): DeadLetter[] {
    return [...this.letters.values()].sort(newestFirst).slice(0, this.wanted.max);
  }

  private add(letter: DeadLetter): void {
    if (!this.wanted.isWanted(letter)) return;
    this.total += 1;
    this.letters.set(letter.id, letter);
    // Partitions come one after the other, so which are the newest is known at the end only: the oldest go when there are twice as many.
    if (this.letters.size < 2 * Math.max(this.wanted.max, lettersMax)) return;
    const kept = this.newest();
    this.letters.clear();
    for (const one of kept) this.letters.set(one.id, one);
  }

  private note(id: string, done: Pick<DeadLetter, 'state' | 'by'>): void {
    const letter = this.letters.get(id);
    if (letter === undefined) return;
    const isOut = this.wanted.state !== undefined && this.wanted.state !== done.state;
    if (isOut && this.letters.delete(id)) this.total -= 1;
    else this.letters.set(id, { ...letter, ...done });
  }
}
