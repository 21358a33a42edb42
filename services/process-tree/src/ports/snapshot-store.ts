// Where trees are written down, and read again after a restart.
import type { HostState } from '@norn/lineage';

export interface WrittenForest {
  readonly states: ReadonlyMap<string, HostState>;
  /** Every batch below this offset of the enriched topic is in `states`. */
  readonly coveredOffset: number;
}

export interface SnapshotStore {
  read(partition: number): Promise<WrittenForest>;
  /** Snapshots of some hosts of a partition, and up to where all of the partition's snapshots reach. */
  write(partition: number, snapshots: ReadonlyMap<string, Uint8Array>, coveredOffset: number): Promise<void>;
  /** Batches of a partition's enriched topic, in order: `[first, end)`. */
  replay(
    partition: number,
    first: number,
    end: number,
    apply: (key: string, value: Uint8Array, offset: number) => void,
  ): Promise<void>;
}
