// Notes that say nothing, since nobody who may make them has: how many, why, and about which letters.
import type { Unproven } from '../consume/proven-records.ts';
import { placeOf } from './letter.ts';

const lettersNamedMax = 10;

export interface FalseNotes {
  readonly total: number;
  readonly reasons: Readonly<Partial<Record<Unproven, number>>>;
  /** Ids of letters, the first of those that are named. */
  readonly letters: readonly string[];
}

export class CountedFalseNotes implements FalseNotes {
  total = 0;
  readonly reasons: Partial<Record<Unproven, number>> = {};
  readonly letters: string[] = [];

  add(letterId: string, reason: Unproven): void {
    this.total += 1;
    this.reasons[reason] = (this.reasons[reason] ?? 0) + 1;
    if (this.letters.length === lettersNamedMax || this.letters.includes(letterId)) return;
    // Whoever made it up may have written anything there.
    if (placeOf(letterId) !== undefined) this.letters.push(letterId);
  }
}
