// Finds which of very many literals a text contains, in one walk over its bytes. Instead of an automaton, whose states for 30,000 rules do not
// fit any cache, each literal is filed under its rarest run of four bytes (two, or one, when it is shorter): a walk looks up two bits for
// each position, and only where one is set compares whole literals.

/** Positions in the bit table of four-byte runs: 2^17 bits are 16 KiB. */
const HASH_BITS = 17;
const SHORT_RUN = 2;
const LONG_RUN = 4;
const SHORT_RUNS = 1 << (8 * SHORT_RUN);

export interface Literal {
  /** Folded, and not empty. */
  readonly text: string;
  /** Only at the text's beginning, only at its end; both: the text is the literal. */
  readonly atStart: boolean;
  readonly atEnd: boolean;
}

/** Told of each literal found by its position among all, perhaps more than once. */
export type Found = (literal: number) => void;

/** A text in UTF-8, where it lies. */
export interface TextBytes {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

export class LiteralIndex {
  private readonly longBits = new Uint32Array((1 << HASH_BITS) / 32);
  /** By the two bytes that end at a position: whether a literal of less than four may be there. */
  private readonly shortBits = new Uint32Array(SHORT_RUNS / 32);
  private readonly long: Buckets;
  private readonly short: Buckets;
  private readonly single: Buckets;

  constructor(literals: readonly Literal[]) {
    const all = literals.map((literal, number) => ({ ...literal, number, bytes: Buffer.from(literal.text) }));
    this.long = bucketsOf(all, LONG_RUN, Infinity);
    this.short = bucketsOf(all, SHORT_RUN, LONG_RUN - 1);
    this.single = bucketsOf(all, 1, 1);
    for (const run of this.long.keys()) setBit(this.longBits, hashOf(run));
    for (const run of this.short.keys()) setBit(this.shortBits, run);
    for (const run of this.single.keys())
      for (let before = 0; before < 256; before += 1) setBit(this.shortBits, (before << 8) | run);
  }

  /** The text is folded, or of ASCII alone: only of that are capitals taken for small letters here. */
  search(text: TextBytes, found: Found): void {
    const { longBits, shortBits } = this;
    const { bytes, start, end } = text;
    let run = 0;
    for (let at = start; at < end; at += 1) {
      run = (run << 8) | lowered(bytes[at] ?? 0);
      if (hasBit(longBits, hashOf(run))) compare(this.long.get(run), text, at - LONG_RUN + 1, found);
      const ending = run & (SHORT_RUNS - 1);
      if (!hasBit(shortBits, ending)) continue;
      compare(this.short.get(ending), text, at - SHORT_RUN + 1, found);
      compare(this.single.get(run & 0xff), text, at, found);
    }
  }
}

export function isAscii({ bytes, start, end }: TextBytes): boolean {
  let all = 0;
  for (let at = start; at < end; at += 1) all |= bytes[at] ?? 0;
  return all < 0x80;
}

interface NumberedLiteral extends Literal {
  readonly number: number;
  readonly bytes: Uint8Array;
}

interface Filed extends NumberedLiteral {
  /** Where the run begins by which it is filed. */
  readonly offset: number;
}

/** By run. */
type Buckets = ReadonlyMap<number, readonly Filed[]>;

/** Those of `length` bytes and at most `most`, by their rarest run of `length`. */
function bucketsOf(all: readonly NumberedLiteral[], length: number, most: number): Buckets {
  const members = all.filter(({ bytes }) => bytes.length >= length && bytes.length <= most);
  // How often each run occurs in all literals: what is rare among them is rare in what they are about.
  const counts = new Map<number, number>();
  for (const { bytes } of members) {
    for (let at = 0; at + length <= bytes.length; at += 1) {
      const run = runAt(bytes, at, length);
      counts.set(run, (counts.get(run) ?? 0) + 1);
    }
  }
  const buckets = new Map<number, Filed[]>();
  for (const member of members) {
    let [offset, fewest] = [0, Infinity];
    for (let at = 0; at + length <= member.bytes.length; at += 1) {
      const count = counts.get(runAt(member.bytes, at, length)) ?? 0;
      if (count < fewest) [offset, fewest] = [at, count];
    }
    const run = runAt(member.bytes, offset, length);
    const bucket = buckets.get(run) ?? [];
    bucket.push({ ...member, offset });
    buckets.set(run, bucket);
  }
  return buckets;
}

function runAt(bytes: Uint8Array, from: number, length: number): number {
  let run = 0;
  for (let at = from; at < from + length; at += 1) run = (run << 8) | (bytes[at] ?? 0);
  return run;
}

/** `at` is where the run of the bucket begins. */
function compare(bucket: readonly Filed[] | undefined, text: TextBytes, at: number, found: Found): void {
  if (bucket === undefined) return;
  for (const literal of bucket) if (isThere(literal, text, at - literal.offset)) found(literal.number);
}

function isThere({ bytes: wanted, atStart, atEnd }: Filed, { bytes, start, end }: TextBytes, from: number): boolean {
  const to = from + wanted.length;
  if (from < start || to > end || (atStart && from !== start) || (atEnd && to !== end)) return false;
  for (let at = 0; at < wanted.length; at += 1) if (lowered(bytes[from + at] ?? 0) !== wanted[at]) return false;
  return true;
}

function lowered(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}

function hashOf(run: number): number {
  return Math.imul(run, 0x9e37_79b1) >>> (32 - HASH_BITS);
}

function hasBit(bits: Uint32Array, bit: number): boolean {
  return ((bits[bit >>> 5] ?? 0) & (1 << (bit & 31))) !== 0;
}

function setBit(bits: Uint32Array, bit: number): void {
  bits[bit >>> 5] = (bits[bit >>> 5] ?? 0) | (1 << (bit & 31));
}
