// The processes of one host as a struct of arrays. Edges are uids of the original creator; ended processes stay while a
// descendant lives, and a while longer.
import { isSessionManager } from './session-managers.ts';
import { TextArena } from './text-arena.ts';
import { UidIndex } from './uid-index.ts';

/** Processes kept of one host. */
export const nodesMax = 65_536;
/** Bytes kept of a command line. */
export const commandLineBytesMax = 1024;
const pathBytesMax = 1024;
/** How long an ended process without living descendants stays, µs of event time. */
const retainUs = 60_000_000;
const nodesAtFirst = 64;

/** A process as a batch describes it. Texts are bytes, not always UTF-8. */
export interface NodeFacts {
  readonly pid: number;
  readonly startTimeUs: number;
  readonly imageNumber: number;
  readonly imagePath: Uint8Array;
  readonly commandLine: Uint8Array;
  readonly containerId: Uint8Array;
}

export class HostTree {
  /** Four words each. */
  uids = new Uint32Array(nodesAtFirst * 4);
  parents = new Uint32Array(nodesAtFirst * 4);
  pids = new Uint32Array(nodesAtFirst);
  imageNumbers = new Uint32Array(nodesAtFirst);
  startTimesUs = new Float64Array(nodesAtFirst);
  /** 0 while it runs. */
  endTimesUs = new Float64Array(nodesAtFirst);
  /** Start and length in the arena, for path, command line and container id. */
  texts = new Uint32Array(nodesAtFirst * 6);
  managers = new Uint8Array(nodesAtFirst);
  arena = new TextArena();
  count = 0;
  endedCount = 0;
  /** Processes forgotten although they might have been asked for again. */
  evictedTotal = 0;
  private capacity = nodesAtFirst;
  private index = new UidIndex(nodesAtFirst, this.uids);
  private newestUs = 0;
  private sweepAtEnded = 512;
  private fullAtEnded = -1;
  private sweepAtBytes = 64 * 1024;

  /** Slot of a uid, or -1. */
  find(words: Uint32Array, at: number): number {
    return this.index.find(words, at);
  }

  /** Slot of the original creator, or -1 when it is not known. */
  parentOf(slot: number): number {
    return this.index.find(this.parents, slot * 4);
  }

  /** Whether the process says it has a creator. */
  hasParent(slot: number): boolean {
    const at = slot * 4;
    const { parents } = this;
    return ((parents[at] ?? 0) | (parents[at + 1] ?? 0) | (parents[at + 2] ?? 0) | (parents[at + 3] ?? 0)) !== 0;
  }

  isInContainerOf(slot: number, other: number): boolean {
    const length = this.texts[slot * 6 + 5] ?? 0;
    if (length !== this.texts[other * 6 + 5]) return false;
    if (length === 0) return true;
    const start = this.texts[other * 6 + 4] ?? 0;
    return this.arena.equals(this.texts[slot * 6 + 4] ?? 0, length, this.arena.view(start, length));
  }

  /** Adds the process or brings it up to date. Returns its slot, or -1 when the tree is full of living processes. */
  put(uid: Uint32Array, parent: Uint32Array, at: number, facts: NodeFacts): number {
    let slot = this.index.find(uid, at);
    if (slot < 0) {
      if (this.count >= nodesMax && !this.makeRoom()) return -1;
      slot = this.insert(uid, at);
      this.startTimesUs[slot] = facts.startTimeUs;
      this.pids[slot] = facts.pid;
      this.setTexts(slot, facts);
    } else if (facts.imageNumber > (this.imageNumbers[slot] ?? 0)) {
      this.setTexts(slot, facts);
    } else if (facts.imageNumber === this.imageNumbers[slot]) {
      // Not of an older image: what comes in which order must not matter.
      if ((this.texts[slot * 6 + 5] ?? 0) !== facts.containerId.length) this.setText(slot, 2, facts.containerId);
    }
    if (!this.hasParent(slot)) copyWords(this.parents, slot * 4, parent, at);
    return slot;
  }

  /** Marks the end. The process stays known for a while, and as long as a descendant lives. */
  end(slot: number, timeUs: number): void {
    if (this.endTimesUs[slot] === 0) this.endedCount += 1;
    this.endTimesUs[slot] = Math.max(timeUs, 1);
  }

  /** Forgets what nobody will ask for. Cheap to call: it works only when there is something to gain. */
  sweep(nowUs: number): void {
    this.newestUs = Math.max(this.newestUs, nowUs);
    if (this.endedCount < this.sweepAtEnded && this.arena.bytesUsed < this.sweepAtBytes) return;
    this.keep(this.reachable(this.newestUs - retainUs));
    // What is still held in spite of that is looked at again only after as much has come.
    this.sweepAtEnded = this.endedCount * 2 + 512;
    this.sweepAtBytes = this.arena.bytesUsed * 2 + 64 * 1024;
  }

  /** The host started anew: none of its processes lives. */
  clear(): void {
    this.keep(new Uint8Array(this.count));
  }

  text(slot: number, which: 0 | 1 | 2): Uint8Array {
    return this.arena.view(this.texts[slot * 6 + which * 2] ?? 0, this.texts[slot * 6 + which * 2 + 1] ?? 0);
  }

  private insert(uid: Uint32Array, at: number): number {
    if (this.count === this.capacity) this.resize(this.capacity * 2);
    const slot = this.count;
    this.count += 1;
    copyWords(this.uids, slot * 4, uid, at);
    this.parents.fill(0, slot * 4, slot * 4 + 4);
    this.endTimesUs[slot] = 0;
    this.imageNumbers[slot] = 0;
    this.texts.fill(0, slot * 6, slot * 6 + 6);
    this.index.add(slot);
    return slot;
  }

  private setTexts(slot: number, { imageNumber, imagePath, commandLine, containerId }: NodeFacts): void {
    this.imageNumbers[slot] = imageNumber;
    this.setText(slot, 0, imagePath.subarray(0, pathBytesMax));
    this.setText(slot, 1, commandLine.subarray(0, commandLineBytesMax));
    this.setText(slot, 2, containerId);
    this.managers[slot] = isSessionManager(Buffer.from(imagePath).toString('latin1')) ? 1 : 0;
  }

  private setText(slot: number, which: 0 | 1 | 2, text: Uint8Array): void {
    const at = slot * 6 + which * 2;
    if (this.arena.equals(this.texts[at] ?? 0, this.texts[at + 1] ?? 0, text)) return;
    this.texts[at] = this.arena.add(text);
    this.texts[at + 1] = text.length;
  }

  private makeRoom(): boolean {
    // Full of the living: nothing to gain before one of them ends.
    if (this.endedCount <= this.fullAtEnded) return false;
    const before = this.count;
    this.keep(this.reachable(Infinity));
    this.evictedTotal += before - this.count;
    this.fullAtEnded = this.count < nodesMax ? -1 : this.endedCount;
    return this.count < nodesMax;
  }

  /** 1 for each process that lives or ended after `sinceUs`, and for the ancestors of those. */
  private reachable(sinceUs: number): Uint8Array {
    const kept = new Uint8Array(this.count);
    for (let slot = 0; slot < this.count; slot++) {
      const endUs = this.endTimesUs[slot] ?? 0;
      if (endUs !== 0 && endUs <= sinceUs) continue;
      for (let up = slot; up >= 0 && kept[up] === 0; up = this.parentOf(up)) kept[up] = 1;
    }
    return kept;
  }

  private keep(kept: Uint8Array): void {
    const { uids, parents, pids, imageNumbers, startTimesUs, endTimesUs, texts, managers, arena } = this;
    const old = { uids, parents, pids, imageNumbers, startTimesUs, endTimesUs, texts, managers, arena };
    this.arena = new TextArena(Math.max(4096, this.arena.bytesUsed >> 1));
    this.count = 0;
    this.endedCount = 0;
    this.allocate(Math.max(nodesAtFirst, nextPower(kept.reduce((sum, one) => sum + one, 0))));
    for (let slot = 0; slot < kept.length; slot++) if (kept[slot] === 1) this.adopt(old, slot);
  }

  private adopt(
    old: Pick<
      HostTree,
      'uids' | 'parents' | 'pids' | 'imageNumbers' | 'startTimesUs' | 'endTimesUs' | 'texts' | 'managers' | 'arena'
    >,
    from: number,
  ): void {
    const slot = this.insert(old.uids, from * 4);
    copyWords(this.parents, slot * 4, old.parents, from * 4);
    this.pids[slot] = old.pids[from] ?? 0;
    this.imageNumbers[slot] = old.imageNumbers[from] ?? 0;
    this.startTimesUs[slot] = old.startTimesUs[from] ?? 0;
    this.endTimesUs[slot] = old.endTimesUs[from] ?? 0;
    this.managers[slot] = old.managers[from] ?? 0;
    if (this.endTimesUs[slot] !== 0) this.endedCount += 1;
    for (const which of [0, 1, 2] as const) {
      const at = from * 6 + which * 2;
      this.setText(slot, which, old.arena.view(old.texts[at] ?? 0, old.texts[at + 1] ?? 0));
    }
  }

  private resize(capacity: number): void {
    const { uids, parents, pids, imageNumbers, startTimesUs, endTimesUs, texts, managers } = this;
    this.allocate(capacity);
    this.uids.set(uids);
    this.parents.set(parents);
    this.pids.set(pids);
    this.imageNumbers.set(imageNumbers);
    this.startTimesUs.set(startTimesUs);
    this.endTimesUs.set(endTimesUs);
    this.texts.set(texts);
    this.managers.set(managers);
    for (let slot = 0; slot < this.count; slot++) this.index.add(slot);
  }

  private allocate(capacity: number): void {
    this.capacity = capacity;
    this.uids = new Uint32Array(capacity * 4);
    this.parents = new Uint32Array(capacity * 4);
    this.pids = new Uint32Array(capacity);
    this.imageNumbers = new Uint32Array(capacity);
    this.startTimesUs = new Float64Array(capacity);
    this.endTimesUs = new Float64Array(capacity);
    this.texts = new Uint32Array(capacity * 6);
    this.managers = new Uint8Array(capacity);
    this.index = new UidIndex(capacity, this.uids);
  }
}

function copyWords(target: Uint32Array, to: number, source: Uint32Array, from: number): void {
  target[to] = source[from] ?? 0;
  target[to + 1] = source[from + 1] ?? 0;
  target[to + 2] = source[from + 2] ?? 0;
  target[to + 3] = source[from + 3] ?? 0;
}

function nextPower(n: number): number {
  let power = 1;
  while (power < n) power *= 2;
  return power;
}
