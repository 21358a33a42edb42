// Rows of `events` straight from a batch's columns: nothing is turned into an object, and dictionaries are mapped once an entry.
import type { BatchColumns, BatchView } from '@norn/contracts';
import { NativeBlock } from '../native/block.ts';
import type { LowCardinalityColumn, NumberColumn, StringColumn } from '../native/columns.ts';
import { type RowOwner, i32, low, text, time, u16, u32, u64, u8, uid } from './column-kinds.ts';

export function createEventsBlock() {
  return new NativeBlock('events', {
    tenant_id: low(),
    host_id: low(),
    time: time(),
    kind: u8(),
    stream_id: uid(),
    batch_seq: u64(),
    row: u16(),
    process_uid: uid(),
    lineage_uid: uid(),
    pid: u32(),
    container_id: low(),
    image_path: low(),
    path: text(),
    target: text(),
    flags: u32(),
    value: u64(),
    result: i32(),
  });
}

export type EventsBlock = ReturnType<typeof createEventsBlock>;

const noLineage = new Uint8Array(0);

/** All rows of one batch. */
export function pushEvents(block: EventsBlock, owner: RowOwner, batch: BatchView): void {
  const { columns, eventCount } = batch;
  const { processes } = columns;
  const into = block.columns;
  into.tenant_id.fill(owner.tenantId, eventCount);
  into.host_id.fill(owner.hostId, eventCount);
  pushTimes(into.time, batch.baseTimeUs, columns.timeOffsetUs);
  into.kind.pushAll(columns.kind);
  into.stream_id.fill(batch.streamId, eventCount);
  pushSame(into.batch_seq, batch.batchSeq, eventCount);
  pushRowNumbers(into.row, eventCount);
  into.process_uid.gather(processes.uid, columns.process);
  into.lineage_uid.gather(batch.lineage?.lineageUid ?? noLineage, columns.process);
  pushPids(into.pid, processes.pid, columns.process);
  into.container_id.gather(containerKeys(into.container_id, columns), columns.process);
  into.image_path.gather(imageKeys(into.image_path, columns), columns.process);
  pushStrings(into.path, columns, columns.path);
  pushStrings(into.target, columns, columns.target);
  into.flags.pushAll(columns.flags);
  into.value.pushAll(columns.value);
  into.result.pushAll(columns.result);
  block.rows += eventCount;
}

function pushTimes(column: NumberColumn, baseTimeUs: number, offsets: Uint32Array): void {
  const words = column.takeWords(offsets.length);
  let at = 0;
  for (const offset of offsets) {
    const timeUs = baseTimeUs + offset;
    words[at++] = timeUs % 2 ** 32;
    words[at++] = Math.floor(timeUs / 2 ** 32);
  }
}

function pushSame(column: NumberColumn, value: number, rows: number): void {
  if (rows === 0) return;
  const { buffer, start } = column.take(rows);
  buffer.writeUInt32LE(value % 2 ** 32, start);
  buffer.writeUInt32LE(Math.floor(value / 2 ** 32), start + 4);
  // The first eight bytes are repeated.
  buffer.fill(buffer.subarray(start, start + 8), start + 8, start + rows * 8);
}

function pushRowNumbers(column: NumberColumn, rows: number): void {
  const { buffer, start } = column.take(rows);
  for (let row = 0; row < rows; row++) {
    buffer[start + row * 2] = row & 0xff;
    buffer[start + row * 2 + 1] = row >> 8;
  }
}

function pushPids(column: NumberColumn, pids: Uint32Array, process: Uint16Array): void {
  const words = column.takeWords(process.length);
  let at = 0;
  for (const entry of process) words[at++] = pids[entry] ?? 0;
}

/** Keys of each process's container in this block. */
function containerKeys(column: LowCardinalityColumn, { strings, processes, containers }: BatchColumns): Uint32Array {
  const byContainer = Uint32Array.from(containers.id, (id) => column.key(strings.text(id)));
  return Uint32Array.from(processes.container, (container) => byContainer[container] ?? 0);
}

function imageKeys(column: LowCardinalityColumn, { strings, processes, images }: BatchColumns): Uint32Array {
  const byImage = Uint32Array.from(images.path, (path) => column.key(strings.text(path)));
  return Uint32Array.from(processes.image, (image) => byImage[image] ?? 0);
}

/** The dictionary has ClickHouse's own form, so a string is copied with its length. */
function pushStrings({ data }: StringColumn, { strings }: BatchColumns, indices: Uint16Array): void {
  const { bytes, ends } = strings;
  let size = 0;
  for (const index of indices) size += (ends[index] ?? 0) - (index === 0 ? 0 : (ends[index - 1] ?? 0));
  data.reserve(size);
  const { buffer } = data;
  let at = data.length;
  for (const index of indices) {
    const end = ends[index] ?? 0;
    for (let from = index === 0 ? 0 : (ends[index - 1] ?? 0); from < end; from++) buffer[at++] = bytes[from] ?? 0;
  }
  data.length = at;
}
