// What was dropped because the spool was full, as an event: a batch with one GAP row, in a stream of tyr's own.
import { create, toBinary } from '@bufbuild/protobuf';
import { event } from '@norn/contracts';
import { randomBytes } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import type { Loss } from './spool.ts';

/** `flags` of a GAP: lost in tyr's spool (event.proto). */
const lostInSpool = 4;
const schemaVersion = 1;

export class GapBatches {
  private readonly streamId = new Uint8Array(randomBytes(16));
  private batchSeq = 0n;

  /** `durationMs`: over how long it was lost. */
  next(loss: Loss, { nowUs, durationMs }: { readonly nowUs: bigint; readonly durationMs: number }): Uint8Array {
    const columns = toBinary(
      event.EventColumnsSchema,
      create(event.EventColumnsSchema, gapRow(loss.events, durationMs)),
    );
    this.batchSeq++;
    const batch = create(event.EventBatchSchema, {
      schemaVersion,
      streamId: this.streamId,
      batchSeq: this.batchSeq,
      baseTimeUs: nowUs,
      eventCount: 1,
      columnsSize: columns.byteLength,
      columns: new Uint8Array(zstdCompressSync(columns)),
    });
    return toBinary(event.EventBatchSchema, batch);
  }
}

/** One row of a process that is not known: tables of one entry, all zeros. */
function gapRow(lost: number, durationMs: number) {
  return {
    strings: new Uint8Array(1),
    kind: Uint8Array.of(event.EventKind.GAP),
    timeOffsetUs: u32(0),
    process: u16(0),
    path: u16(0),
    target: u16(0),
    flags: u32(lostInSpool),
    value: new Uint8Array(new BigUint64Array([BigInt(lost)]).buffer),
    result: u32(Math.min(durationMs, 0x7fff_ffff)),
    processUid: new Uint8Array(16),
    parentUid: new Uint8Array(16),
    pid: u32(0),
    namespacePid: u32(0),
    parentPid: u32(0),
    startTimeUs: new Uint8Array(8),
    imageNumber: u32(0),
    image: u16(0),
    container: u16(0),
    userId: u32(0),
    groupId: u32(0),
    imagePath: u16(0),
    imageCommandLine: u16(0),
    imageSha256: new Uint8Array(32),
    imageFlags: u32(0),
    imageWorkingDirectory: u16(0),
    containerId: u16(0),
  };
}

function u32(value: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new Uint32Array([value]).buffer);
}

function u16(value: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new Uint16Array([value]).buffer);
}
