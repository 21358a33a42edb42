// What a batch says about its host's processes goes into the tree.
import { type BatchColumns, type BatchView, event } from '@norn/contracts';
import type { HostTree, NodeFacts } from './host-tree.ts';

/** Brings the tree up to date and returns the slot of each entry of the batch's process table. */
export function applyBatch(tree: HostTree, batch: BatchView): Int32Array {
  const { columns } = batch;
  const { processes } = columns;
  tree.sweep(batch.baseTimeUs);
  const slots = new Int32Array(processes.count);
  const facts = new EntryFacts(columns);
  for (let entry = 0; entry < processes.count; entry++) {
    facts.entry = entry;
    slots[entry] = tree.put(processes.uidWords, processes.parentUidWords, entry * 4, facts);
  }
  endProcesses(tree, batch, slots);
  return slots;
}

function endProcesses(tree: HostTree, { columns, baseTimeUs, eventCount }: BatchView, slots: Int32Array): void {
  const { kind, process, timeOffsetUs } = columns;
  for (let row = 0; row < eventCount; row++) {
    if (kind[row] !== event.EventKind.EXIT) continue;
    const slot = slots[process[row] ?? 0] ?? -1;
    if (slot >= 0) tree.end(slot, baseTimeUs + (timeOffsetUs[row] ?? 0));
  }
}

/** One entry of the process table at a time, without an object for each. */
class EntryFacts implements NodeFacts {
  entry = 0;

  constructor(private readonly columns: BatchColumns) {}

  get pid(): number {
    return this.columns.processes.pid[this.entry] ?? 0;
  }

  get startTimeUs(): number {
    return Number(this.columns.processes.startTimeUs[this.entry] ?? 0n);
  }

  get imageNumber(): number {
    return this.columns.processes.imageNumber[this.entry] ?? 0;
  }

  get imagePath(): Uint8Array {
    return this.columns.strings.raw(this.columns.images.path[this.image] ?? 0);
  }

  get commandLine(): Uint8Array {
    return this.columns.strings.raw(this.columns.images.commandLine[this.image] ?? 0);
  }

  get containerId(): Uint8Array {
    const container = this.columns.processes.container[this.entry] ?? 0;
    return this.columns.strings.raw(this.columns.containers.id[container] ?? 0);
  }

  private get image(): number {
    return this.columns.processes.image[this.entry] ?? 0;
  }
}
