// From a process's uid (four words, itself a hash) to its slot in a tree: open addressing in typed arrays, no objects.
// Nothing is ever removed: a tree that sweeps makes a new index.

export class UidIndex {
  private readonly slots: Uint32Array;
  private readonly mask: number;

  /** `words`: the uids of all slots, four words each. */
  constructor(
    capacity: number,
    private readonly words: Uint32Array,
  ) {
    let size = 16;
    while (size < capacity * 2) size *= 2;
    this.slots = new Uint32Array(size);
    this.mask = size - 1;
  }

  /** Slot of the uid that starts at word `at` of `source`, or -1. */
  find(source: Uint32Array, at: number): number {
    const { words, slots, mask } = this;
    const a = source[at];
    const b = source[at + 1];
    const c = source[at + 2];
    const d = source[at + 3];
    for (let position = hash(a, b) & mask; ; position = (position + 1) & mask) {
      const entry = slots[position] ?? 0;
      if (entry === 0) return -1;
      const base = (entry - 1) * 4;
      if (words[base] === a && words[base + 1] === b && words[base + 2] === c && words[base + 3] === d)
        return entry - 1;
    }
  }

  /** The slot's uid must be in `words` already, and must not be in the index. */
  add(slot: number): void {
    let position = hash(this.words[slot * 4], this.words[slot * 4 + 1]) & this.mask;
    while (this.slots[position] !== 0) position = (position + 1) & this.mask;
    this.slots[position] = slot + 1;
  }
}

function hash(a = 0, b = 0): number {
  return a ^ Math.imul(b, 0x9e3779b1);
}
