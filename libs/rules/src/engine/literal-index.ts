// Finds which of very many literals a text contains, in one walk over it. Instead of an automaton, whose states for 30,000 rules do not
// fit any cache, each literal is filed under its rarest run of four characters (two, or one, when it is shorter): a walk looks up a bit for
// each position, and only where one is set compares whole literals.

/** Positions in the bit table of four-character runs: 2^17 bits are 16 KiB. */
const HASH_BITS = 17;
const SHORT_RUN = 2;
const LONG_RUN = 4;

/** Told of each literal found, perhaps more than once. */
export type Found = (literal: number) => void;

export class LiteralIndex {
  private readonly long: RunTable;
  private readonly short: RunTable;
  private readonly single: RunTable;

  /** `literals` are lower-case, and not empty. They are told by their position. */
  constructor(private readonly literals: readonly string[]) {
    const numbers = literals.map((_, number) => number);
    const ofLength = (least: number, most: number): number[] =>
      numbers.filter((number) => {
        const { length } = this.literal(number);
        return length >= least && length <= most;
      });
    this.long = new RunTable(LONG_RUN, literals, ofLength(LONG_RUN, Infinity));
    this.short = new RunTable(SHORT_RUN, literals, ofLength(SHORT_RUN, LONG_RUN - 1));
    this.single = new RunTable(1, literals, ofLength(1, 1));
  }

  /** `text` is lower-case. */
  search(text: string, found: Found): void {
    this.long.search(text, found);
    this.short.search(text, found);
    this.single.search(text, found);
  }

  private literal(number: number): string {
    return this.literals[number] ?? '';
  }
}

/** Literals by a run of their characters. */
class RunTable {
  private readonly bits = new Uint32Array((1 << HASH_BITS) / 32);
  /** By run: the literals, and where it begins in each. */
  private readonly buckets = new Map<number, { literal: number; text: string; offset: number }[]>();

  constructor(
    private readonly length: number,
    literals: readonly string[],
    members: readonly number[],
  ) {
    const counts = this.count(literals, members);
    for (const literal of members) this.add(literal, literals[literal] ?? '', counts);
  }

  /** How often each run occurs in all literals: what is rare among them is rare in what they are about. */
  private count(literals: readonly string[], members: readonly number[]): Map<number, number> {
    const counts = new Map<number, number>();
    for (const literal of members) {
      const text = literals[literal] ?? '';
      for (let offset = 0; offset + this.length <= text.length; offset += 1) {
        const run = this.run(text, offset);
        counts.set(run, (counts.get(run) ?? 0) + 1);
      }
    }
    return counts;
  }

  private add(literal: number, text: string, counts: ReadonlyMap<number, number>): void {
    let [best, fewest] = [0, Infinity];
    for (let offset = 0; offset + this.length <= text.length; offset += 1) {
      const count = counts.get(this.run(text, offset)) ?? 0;
      if (count < fewest) [best, fewest] = [offset, count];
    }
    const run = this.run(text, best);
    const bit = bitOf(run);
    this.bits[bit >>> 5] = (this.bits[bit >>> 5] ?? 0) | (1 << (bit & 31));
    const bucket = this.buckets.get(run);
    const entry = { literal, text, offset: best };
    if (bucket) bucket.push(entry);
    else this.buckets.set(run, [entry]);
  }

  private run(text: string, from: number): number {
    let run = 0;
    for (let at = from; at < from + this.length; at += 1) run = (run << 8) | (text.charCodeAt(at) & 0xff);
    return run;
  }

  search(text: string, found: Found): void {
    if (this.buckets.size === 0) return;
    const { bits, length } = this;
    const mask = length === LONG_RUN ? -1 : (1 << (8 * length)) - 1;
    let run = 0;
    for (let at = 0; at < text.length; at += 1) {
      run = ((run << 8) | (text.charCodeAt(at) & 0xff)) & mask;
      if (at < length - 1) continue;
      const bit = bitOf(run);
      if (((bits[bit >>> 5] ?? 0) & (1 << (bit & 31))) !== 0) this.compare(text, at - length + 1, run, found);
    }
  }

  private compare(text: string, at: number, run: number, found: Found): void {
    const bucket = this.buckets.get(run);
    if (!bucket) return;
    for (const { literal, text: wanted, offset } of bucket) if (text.startsWith(wanted, at - offset)) found(literal);
  }
}

function bitOf(run: number): number {
  return Math.imul(run, 0x9e37_79b1) >>> (32 - HASH_BITS);
}
