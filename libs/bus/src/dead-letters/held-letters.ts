// The letters that a reading found, and what was done with each: that stands behind it.
import type { BusRecord } from '../record.ts';
import type { ProvenRecords } from '../consume/proven-records.ts';
import { CountedFalseNotes } from './false-notes.ts';
import { type DeadLetter, type DeadLetterState, letterOf, newestFirst } from './letter.ts';
import { type Note, letterNamed, readNote } from './notes.ts';

/** Letters that are held at once, without their bytes: about 1 KB each. */
export const lettersMax = 200_000;

export interface Wanted {
  readonly isWanted: (letter: DeadLetter) => boolean;
  readonly state?: DeadLetterState | undefined;
  readonly max: number;
}

export class HeldLetters {
  total = 0;
  readonly falseNotes = new CountedFalseNotes();
  private readonly letters = new Map<string, DeadLetter>();

  constructor(
    private readonly wanted: Wanted,
    private readonly proven: ProvenRecords,
  ) {}

  take(record: BusRecord): void {
    const named = letterNamed(record);
    if (named === undefined) {
      this.add(letterOf(record));
      return;
    }
    const note = readNote(record, this.proven);
    if (typeof note === 'string') this.falseNotes.add(named, note);
    else this.note(note);
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

  private note({ id, at, state, by }: Note): void {
    const letter = this.letters.get(id);
    if (letter?.at !== at) return;
    const isOut = this.wanted.state !== undefined && this.wanted.state !== state;
    if (isOut && this.letters.delete(id)) this.total -= 1;
    else this.letters.set(id, { ...letter, state, by });
  }
}
