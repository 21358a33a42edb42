// Snapshots on a compacted topic: one record a host, and one a partition that says up to where the snapshots reach.
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { messageOf } from '@norn/base';
import { type StageBusConfig, type BusProducer, type OutRecord, offsetRanges, readRange, recallEach } from '@norn/bus';
import { lineage } from '@norn/contracts';
import { type HostState, readSnapshot } from '@norn/lineage';
import { Metric, count, createLogger } from '@norn/telemetry';
import type { SnapshotStore, WrittenForest } from '../ports/snapshot-store.ts';

/** No host has this key: a tenant has a name. */
const coverKey = ':cover';
/** Largest snapshot before compression, bytes: a full tree with long command lines. */
const snapshotBytesMax = 256 * 1024 * 1024;

export class KafkaSnapshots implements SnapshotStore {
  private readonly logger = createLogger('process-tree');

  constructor(
    private readonly config: StageBusConfig,
    private readonly producer: BusProducer,
  ) {}

  async read(partition: number): Promise<WrittenForest> {
    const newest = new Map<string, Uint8Array>();
    const ranges = (await offsetRanges(this.config, 'lineageState')).filter((range) => range.partition === partition);
    await readRange(this.config, 'lineageState', ranges, ({ records }) => {
      for (const { key, value } of records) newest.set(key, value);
      return Promise.resolve();
    });
    const cover = newest.get(coverKey);
    newest.delete(coverKey);
    const states = new Map<string, HostState>();
    for (const [key, value] of newest) {
      const state = this.open(key, value);
      if (state !== undefined) states.set(key, state);
    }
    return { states, coveredOffset: cover === undefined ? 0 : Number(snapshotOf(cover).nextOffset) };
  }

  async write(partition: number, snapshots: ReadonlyMap<string, Uint8Array>, coveredOffset: number): Promise<void> {
    const cover = create(lineage.TreeSnapshotSchema, { nextOffset: BigInt(coveredOffset) });
    const records: OutRecord[] = [];
    for (const [key, snapshot] of snapshots) records.push({ key, partition, headers: {}, value: compress(snapshot) });
    const bytes = records.reduce((sum, { value }) => sum + value.length, 0);
    // Last: it speaks for the others.
    records.push({
      key: coverKey,
      partition,
      headers: {},
      value: compress(toBinary(lineage.TreeSnapshotSchema, cover)),
    });
    await this.producer.send('lineageState', records);
    count(Metric.TreeSnapshots, snapshots.size);
    count(Metric.TreeSnapshotBytes, bytes);
  }

  async replay(
    partition: number,
    first: number,
    end: number,
    apply: (key: string, value: Uint8Array, offset: number) => void,
  ): Promise<void> {
    await readRange(this.config, 'enriched', [{ partition, first, end }], async ({ records }) => {
      await recallEach('process-tree', records, ({ key, value, offset }) => {
        apply(key, value, offset);
      });
      count(Metric.TreeReplayed, records.length);
    });
  }

  /** A snapshot that cannot be read costs one host its past, not the partition its stage. */
  private open(key: string, value: Uint8Array): HostState | undefined {
    try {
      return readSnapshot(decompress(value));
    } catch (error) {
      this.logger.error({ code: 'snapshot_unreadable', key }, messageOf(error));
      return undefined;
    }
  }
}

function compress(snapshot: Uint8Array): Uint8Array {
  return zstdCompressSync(snapshot, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
}

function decompress(value: Uint8Array): Uint8Array {
  return zstdDecompressSync(value, { maxOutputLength: snapshotBytesMax });
}

function snapshotOf(value: Uint8Array): lineage.TreeSnapshot {
  return fromBinary(lineage.TreeSnapshotSchema, decompress(value));
}
