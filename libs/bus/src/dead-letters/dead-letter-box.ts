// What the dead letters' topic holds: which letters there are, and what was done with each.
import type { StageBusConfig } from '../config.ts';
import { readRange } from '../consume/follow.ts';
import { ProvenRecords } from '../consume/proven-records.ts';
import { type OffsetRange, offsetAt, offsetRanges } from '../kafka/topics.ts';
import type { BusRecord } from '../record.ts';
import type { FalseNotes } from './false-notes.ts';
import { HeldLetters, type Wanted, lettersMax } from './held-letters.ts';
import { type DeadLetter, type DeadLetterState, placeOf, unknownLetter } from './letter.ts';
import { readLetters } from './read-letters.ts';

export interface Choice {
  /** Unix ms. */
  readonly sinceMs?: number;
  /** Unix ms; those that came earlier. */
  readonly beforeMs?: number;
  readonly stage?: string;
  readonly state?: DeadLetterState;
  /** The newest are given. */
  readonly max?: number;
}

export interface DeadLetterList {
  /** Newest first. */
  readonly letters: DeadLetter[];
  /** All that match, also beyond the most that were asked for. */
  readonly total: number;
  /** Absent: there are none. */
  readonly falseNotes?: FalseNotes;
}

export class DeadLetterBox {
  constructor(private readonly config: StageBusConfig) {}

  /** Reads the topic once. */
  async list(choice: Choice = {}): Promise<DeadLetterList> {
    const { sinceMs = 0, beforeMs = Infinity, stage, state, max = lettersMax } = choice;
    const all = await this.read(await this.rangesSince(sinceMs), {
      isWanted: (letter) => letter.at < beforeMs && (stage === undefined || letter.stage === stage),
      state,
      max: Math.min(max, lettersMax),
    });
    const { total, falseNotes } = all;
    return { letters: all.newest(), total, ...(falseNotes.total > 0 && { falseNotes }) };
  }

  /** Reads once, from the oldest of them on. Without those that there are not. */
  async named(ids: readonly string[]): Promise<Map<string, DeadLetter>> {
    const wanted = new Set(ids);
    const firsts = new Map<number, number>();
    for (const id of wanted) {
      const place = placeOf(id);
      if (place === undefined) continue;
      firsts.set(place.partition, Math.min(place.offset, firsts.get(place.partition) ?? Infinity));
    }
    // What was done with one stands behind it in its partition.
    const ranges = [...firsts].map(([partition, first]) => ({ partition, first, end: Infinity }));
    const found = await this.read(ranges, { isWanted: ({ id }) => wanted.has(id), max: wanted.size });
    return new Map(found.newest().map((letter) => [letter.id, letter]));
  }

  /** With its bytes, as they were refused. Throws `dead_letter_unknown`. */
  async find(id: string): Promise<DeadLetter & { readonly record: BusRecord }> {
    const letter = (await this.named([id])).get(id);
    if (letter === undefined) throw unknownLetter(id);
    const found: BusRecord[] = [];
    await readLetters(this.config, [letter], (records) => {
      found.push(...records);
      return Promise.resolve();
    });
    const [record] = found;
    if (record === undefined) throw unknownLetter(id);
    return { ...letter, record };
  }

  private async read(ranges: readonly OffsetRange[], wanted: Wanted): Promise<HeldLetters> {
    const held = new HeldLetters(wanted, new ProvenRecords(this.config));
    await readRange(this.config, 'deadLetter', ranges, ({ records }) => {
      for (const record of records) held.take(record);
      return Promise.resolve();
    });
    return held;
  }

  private async rangesSince(sinceMs: number): Promise<OffsetRange[]> {
    const ranges = await offsetRanges(this.config, 'deadLetter');
    if (sinceMs === 0) return ranges;
    return Promise.all(
      ranges.map(async (range) => {
        const first = await offsetAt(this.config, 'deadLetter', { partition: range.partition, timeMs: sinceMs });
        return { ...range, first: Math.max(range.first, first < 0 ? range.end : first) };
      }),
    );
  }
}
