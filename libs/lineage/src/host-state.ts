// All that process-tree keeps of one host: its tree, which batches went into it, and which boot it belongs to.
import { type BatchView, lineage } from '@norn/contracts';
import { fromBinary } from '@bufbuild/protobuf';
import { fromHex, toHex } from '@norn/base';
import { applyBatch } from './apply-batch.ts';
import { GrowingBytes } from './growing-bytes.ts';
import { HostTree } from './host-tree.ts';
import { StreamMarks } from './stream-marks.ts';

export class HostState {
  readonly tree = new HostTree();
  readonly marks = new StreamMarks();
  /** Hex; empty before the first batch. */
  bootId = '';
  /** Offset in the enriched topic after the last batch applied. */
  nextOffset = 0;

  isApplied(batch: BatchView): boolean {
    return this.marks.isApplied(batch.streamIdHex, batch.batchSeq);
  }

  /** Returns the tree's slot of each entry of the batch's process table. */
  apply(batch: BatchView, nextOffset: number): Int32Array {
    const bootId = toHex(batch.bootId);
    if (this.bootId !== '' && bootId !== '' && bootId !== this.bootId) this.tree.clear();
    if (bootId !== '') this.bootId = bootId;
    this.marks.apply(batch.streamIdHex, batch.batchSeq);
    this.nextOffset = nextOffset;
    return applyBatch(this.tree, batch);
  }
}

/** Field numbers of TreeSnapshot and TreeNode. */
const snapshotFields = { nextOffset: 3, nodes: 4, marks: 5, bootId: 6 };
const nodeFields = {
  uid: 1,
  parent: 2,
  pid: 3,
  imagePath: 4,
  commandLine: 5,
  containerId: 6,
  start: 7,
  end: 8,
  image: 9,
};

/** Serialised TreeSnapshot, written by hand: a tree has thousands of nodes, and a snapshot is taken every few seconds. */
export function writeSnapshot(state: HostState): Uint8Array {
  const message = new GrowingBytes(state.tree.count * 160 + 256);
  varintField(message, snapshotFields.nextOffset, state.nextOffset);
  bytesField(message, snapshotFields.bootId, fromHex(state.bootId));
  for (const [streamId, batchSeq] of state.marks.entries()) {
    const mark = new GrowingBytes(64);
    bytesField(mark, 1, fromHex(streamId));
    varintField(mark, 2, batchSeq);
    bytesField(message, snapshotFields.marks, mark.view());
  }
  const node = new GrowingBytes(512);
  for (let slot = 0; slot < state.tree.count; slot++) {
    node.clear();
    writeNode(node, state.tree, slot);
    bytesField(message, snapshotFields.nodes, node.view());
  }
  return message.view();
}

function writeNode(node: GrowingBytes, tree: HostTree, slot: number): void {
  node.varint(nodeFields.uid * 8 + 2);
  node.varint(16);
  node.uid(tree.uids, slot * 4);
  node.varint(nodeFields.parent * 8 + 2);
  node.varint(16);
  node.uid(tree.parents, slot * 4);
  varintField(node, nodeFields.pid, tree.pids[slot] ?? 0);
  bytesField(node, nodeFields.imagePath, tree.text(slot, 0));
  bytesField(node, nodeFields.commandLine, tree.text(slot, 1));
  bytesField(node, nodeFields.containerId, tree.text(slot, 2));
  varintField(node, nodeFields.start, tree.startTimesUs[slot] ?? 0);
  varintField(node, nodeFields.end, tree.endTimesUs[slot] ?? 0);
  varintField(node, nodeFields.image, tree.imageNumbers[slot] ?? 0);
}

function varintField(target: GrowingBytes, number: number, value: number): void {
  target.varint(number * 8);
  target.reserve(10);
  target.varint(value);
}

function bytesField(target: GrowingBytes, number: number, value: Uint8Array): void {
  target.varint(number * 8 + 2);
  target.varint(value.length);
  target.bytes(value);
}

/** The state as it was when the snapshot was written. */
export function readSnapshot(bytes: Uint8Array): HostState {
  const snapshot = fromBinary(lineage.TreeSnapshotSchema, bytes);
  const state = new HostState();
  state.bootId = toHex(snapshot.bootId);
  state.nextOffset = Number(snapshot.nextOffset);
  for (const { streamId, batchSeq } of snapshot.marks) state.marks.apply(toHex(streamId), Number(batchSeq));
  for (const node of snapshot.nodes) {
    const slot = state.tree.put(toWords(node.processUid), toWords(node.parentUid), 0, {
      pid: node.pid,
      startTimeUs: Number(node.startTimeUs),
      imageNumber: node.imageNumber,
      imagePath: node.imagePath,
      commandLine: node.commandLine,
      containerId: node.containerId,
    });
    if (slot >= 0 && node.endTimeUs > 0n) state.tree.end(slot, Number(node.endTimeUs));
  }
  return state;
}

function toWords(uid: Uint8Array): Uint32Array {
  const aligned = new Uint8Array(16);
  aligned.set(uid.subarray(0, 16));
  return new Uint32Array(aligned.buffer);
}
