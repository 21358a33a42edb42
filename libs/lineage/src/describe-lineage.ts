// Each process's ancestry as columns (norn.lineage.v1.LineageColumns), for the process table of one batch.
import { ancestorPathsMax, ancestorUidsMax } from '@norn/contracts';
import { GrowingBytes } from './growing-bytes.ts';
import type { HostTree } from './host-tree.ts';

/** How far up a walk goes; a chain that is longer is cut. */
const depthMax = 1024;

/** Field numbers of LineageColumns. */
const fields = {
  lineageUid: 1,
  depth: 2,
  ancestorPaths: 3,
  parentCommandLines: 4,
  incomplete: 5,
  ancestorUids: 6,
  ancestorPids: 7,
};

/** Columns of one batch; kept from batch to batch. */
export class LineageDescriber {
  private readonly lineageUid = new GrowingBytes();
  private readonly depth = new GrowingBytes();
  private readonly ancestorPaths = new GrowingBytes();
  private readonly parentCommandLines = new GrowingBytes();
  private readonly incomplete = new GrowingBytes();
  private readonly ancestorUids = new GrowingBytes();
  private readonly ancestorPids = new GrowingBytes();
  private readonly message = new GrowingBytes();
  private readonly chain = new Int32Array(depthMax);

  /** Serialised LineageColumns; `slots` are the tree's slots of the table's entries, -1 for one the tree could not take. */
  describe(tree: HostTree, slots: Int32Array, uids: Uint32Array): Uint8Array {
    for (const column of this.columns()) column.clear();
    for (let entry = 0; entry < slots.length; entry++) this.add(tree, slots[entry] ?? -1, uids, entry * 4);
    this.message.clear();
    this.field(fields.lineageUid, this.lineageUid);
    this.field(fields.depth, this.depth);
    this.field(fields.ancestorPaths, this.ancestorPaths);
    this.field(fields.parentCommandLines, this.parentCommandLines);
    this.field(fields.incomplete, this.incomplete);
    this.field(fields.ancestorUids, this.ancestorUids);
    this.field(fields.ancestorPids, this.ancestorPids);
    return this.message.view();
  }

  private columns(): readonly GrowingBytes[] {
    const { lineageUid, depth, ancestorPaths, parentCommandLines, incomplete, ancestorUids, ancestorPids } = this;
    return [lineageUid, depth, ancestorPaths, parentCommandLines, incomplete, ancestorUids, ancestorPids];
  }

  private field(number: number, column: GrowingBytes): void {
    this.message.varint(number * 8 + 2);
    this.message.varint(column.length);
    this.message.bytes(column.view());
  }

  private add(tree: HostTree, slot: number, uids: Uint32Array, at: number): void {
    if (slot < 0) {
      this.addUnknown(uids, at);
      return;
    }
    const { length, origin, isComplete } = this.walk(tree, slot);
    this.lineageUid.uid(tree.uids, origin * 4);
    this.depth.byte(length & 0xff);
    this.depth.byte(length >> 8);
    this.incomplete.byte(isComplete ? 0 : 1);
    this.addPaths(tree, Math.min(length, ancestorPathsMax));
    this.addCommandLine(tree, length === 0 ? -1 : (this.chain[0] ?? -1));
    this.addAncestors(tree, Math.min(length, ancestorUidsMax));
  }

  private addAncestors(tree: HostTree, count: number): void {
    this.ancestorUids.varint(count);
    this.ancestorPids.varint(count);
    for (let up = 0; up < count; up++) {
      const slot = this.chain[up] ?? 0;
      this.ancestorUids.uid(tree.uids, slot * 4);
      this.ancestorPids.u32(tree.pids[slot] ?? 0);
    }
  }

  private addUnknown(uids: Uint32Array, at: number): void {
    this.lineageUid.uid(uids, at);
    this.depth.byte(0);
    this.depth.byte(0);
    this.incomplete.byte(1);
    this.ancestorPaths.varint(0);
    this.parentCommandLines.varint(0);
    this.ancestorUids.varint(0);
    this.ancestorPids.varint(0);
  }

  /**
   * Fills `chain` with the ancestors, nearest first. The origin is the topmost process in the same container that does not
   * start other people's work; the process itself when all of them do.
   */
  private walk(tree: HostTree, slot: number): { length: number; origin: number; isComplete: boolean } {
    let length = 0;
    let origin = slot;
    let isInside = true;
    let last = slot;
    for (let up = tree.parentOf(slot); up >= 0 && length < depthMax; up = tree.parentOf(up)) {
      this.chain[length] = up;
      length += 1;
      isInside &&= tree.isInContainerOf(up, slot);
      if (isInside && tree.managers[up] === 0) origin = up;
      last = up;
    }
    return { length, origin, isComplete: !tree.hasParent(last) };
  }

  private addPaths(tree: HostTree, count: number): void {
    let size = Math.max(0, count - 1);
    for (let up = 0; up < count; up++) size += tree.texts[(this.chain[up] ?? 0) * 6 + 1] ?? 0;
    const column = this.ancestorPaths;
    column.varint(size);
    column.reserve(size);
    for (let up = 0; up < count; up++) {
      if (up > 0) column.byte(10);
      const at = (this.chain[up] ?? 0) * 6;
      const length = tree.texts[at + 1] ?? 0;
      tree.arena.copyTo(column.buffer, column.length, tree.texts[at] ?? 0, length);
      column.length += length;
    }
  }

  private addCommandLine(tree: HostTree, parent: number): void {
    const length = parent < 0 ? 0 : (tree.texts[parent * 6 + 3] ?? 0);
    const column = this.parentCommandLines;
    column.varint(length);
    column.reserve(length);
    if (length === 0) return;
    tree.arena.copyTo(column.buffer, column.length, tree.texts[parent * 6 + 2] ?? 0, length);
    column.length += length;
  }
}
