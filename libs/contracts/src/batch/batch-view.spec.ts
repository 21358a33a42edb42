import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  BatchEnrichmentSchema,
  EventBatchSchema,
  EventColumnsSchema,
  EventKind,
} from '../gen/norn/event/v1/event_pb.ts';
import { appendField } from './append-field.ts';
import { batchFields, openBatch, shareColumns } from './batch-view.ts';
import { BatchWriter, type ProcessEntry } from './batch-writer.ts';

const shell: ProcessEntry = {
  uid: new Uint8Array(16).fill(7),
  parentUid: new Uint8Array(16).fill(1),
  pid: 4121,
  namespacePid: 37,
  parentPid: 4000,
  startTimeUs: 1_795_000_000_000_000,
  imagePath: '/bin/sh',
  commandLine: 'sh -c "touch é"',
  environment: 'LD_PRELOAD=/tmp/x.so\nHISTFILE=/dev/null',
  sha256: 'ab'.repeat(32),
  containerId: '4f'.repeat(32),
  userId: 33,
};

function aBatch(): Uint8Array {
  return new BatchWriter()
    .add({ kind: EventKind.EXEC, timeUs: 1_795_000_000_000_100, process: shell, path: '/bin/sh' })
    .add({
      kind: EventKind.FILE_RENAME,
      timeUs: 1_795_000_000_000_250,
      process: shell,
      path: '/srv/a',
      target: '/srv/b',
      flags: 2,
      value: 33n << 32n,
      result: -2,
    })
    .finish({ streamId: new Uint8Array(16).fill(9), batchSeq: 300 });
}

/** The same batch with other fields of the envelope. */
function changed(change: (batch: ReturnType<typeof envelope>) => void): Uint8Array {
  const batch = envelope(aBatch());
  change(batch);
  return toBinary(EventBatchSchema, batch);
}

function envelope(bytes: Uint8Array) {
  return fromBinary(EventBatchSchema, bytes);
}

describe('a batch', () => {
  it('reads as it was written', () => {
    const batch = openBatch(aBatch());
    const { columns } = batch;
    expect(batch.batchSeq).toBe(300);
    expect(batch.streamIdHex).toBe('09'.repeat(16));
    expect([...columns.kind]).toEqual([EventKind.EXEC, EventKind.FILE_RENAME]);
    expect([...columns.timeOffsetUs].map((offset) => batch.baseTimeUs + offset)).toEqual([
      1_795_000_000_000_100, 1_795_000_000_000_250,
    ]);
    expect(columns.strings.text(columns.target[1]!)).toBe('/srv/b');
    expect(columns.value[1]).toBe(33n << 32n);
    expect(columns.result[1]).toBe(-2);
    expect(columns.processes.count).toBe(1);
    expect(columns.processes.uid).toEqual(shell.uid);
    expect(columns.processes.startTimeUs[0]).toBe(BigInt(shell.startTimeUs));
    expect(columns.strings.text(columns.images.commandLine[0]!)).toBe('sh -c "touch é"');
    expect(columns.strings.text(columns.images.environment[0]!)).toBe(shell.environment);
    expect(columns.strings.text(columns.containers.id[columns.processes.container[0]!]!)).toBe('4f'.repeat(32));
  });

  it('of an agent that sends no environment has none', () => {
    const old = envelope(aBatch());
    const columns = fromBinary(EventColumnsSchema, zstdDecompressSync(old.columns));
    columns.imageEnvironment = new Uint8Array(0);
    const raw = toBinary(EventColumnsSchema, columns);
    old.columns = zstdCompressSync(raw);
    old.columnsSize = raw.length;
    expect([...openBatch(toBinary(EventBatchSchema, old)).columns.images.environment]).toEqual([0]);
  });

  it('passes through what a stage appends, byte for byte before it', () => {
    const raw = aBatch();
    const enrichment = create(BatchEnrichmentSchema, { userNames: ['www-data'] });
    const enriched = appendField(raw, batchFields.enrichment, toBinary(BatchEnrichmentSchema, enrichment));
    expect(enriched.subarray(0, raw.length)).toEqual(Buffer.from(raw));
    expect(openBatch(enriched).enrichment?.userNames).toEqual(['www-data']);
    expect(openBatch(raw).enrichment).toBeUndefined();
  });

  it('keeps bytes of a path that are not UTF-8', () => {
    const { strings } = openBatch(aBatch()).columns;
    expect(Buffer.from(strings.prefixed(1)).readUInt8(0)).toBe(strings.raw(1).length);
  });

  it.each<[string, Uint8Array]>([
    ['bytes that are no message', Buffer.from('not a batch at all')],
    ['an empty message', new Uint8Array(0)],
    ['a batch cut off', aBatch().subarray(0, 60)],
    ['a stream id of the wrong size', changed((batch) => (batch.streamId = new Uint8Array(4)))],
    ['no sequence number', changed((batch) => (batch.batchSeq = 0n))],
    ['an unknown schema', changed((batch) => (batch.schemaVersion = 9))],
    ['columns that claim more than the limit', changed((batch) => (batch.columnsSize = 5 * 1024 * 1024))],
    ['more events than rows', changed((batch) => (batch.eventCount = 3))],
    ['columns that are no zstd', changed((batch) => (batch.columns = Buffer.from('plain text')))],
    [
      'a second zstd frame behind the first',
      changed((batch) => (batch.columns = Buffer.concat([batch.columns, batch.columns]))),
    ],
    ['a size that is not the columns’', changed((batch) => (batch.columnsSize -= 1))],
    [
      'columns that end early',
      changed((batch) => (batch.columns = batch.columns.subarray(0, batch.columns.length - 9))),
    ],
    [
      'a zstd bomb',
      changed((batch) => {
        batch.columns = zstdCompressSync(Buffer.alloc(64 * 1024 * 1024));
        batch.columnsSize = 1000;
      }),
    ],
  ])('is refused with a code: %s', (_, bytes) => {
    expect(() => openBatch(bytes).columns).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^(batch|schema)_/) as string }) as Error,
    );
  });

  it('is refused when an index points nowhere', () => {
    const writer = new BatchWriter().add({ kind: EventKind.EXIT, timeUs: 1, process: shell });
    const good = envelope(writer.finish({ streamId: new Uint8Array(16), batchSeq: 1 }));
    const raw = Buffer.alloc(2);
    raw.writeUInt16LE(999);
    // A later field of the same number replaces the earlier one: here the process column.
    const columns = Buffer.concat([zstdDecompressSync(good.columns), Buffer.from([0x22, 2]), raw]);
    good.columns = zstdCompressSync(columns);
    good.columnsSize = columns.length;
    expect(() => openBatch(toBinary(EventBatchSchema, good)).columns).toThrow(
      /Column process points to entry 999 of 1/,
    );
  });
});

it('is opened once for all stages of a process that says so, and anew for each elsewhere', () => {
  const bytes = aBatch();
  expect(openBatch(bytes).columns).not.toBe(openBatch(bytes).columns);
  shareColumns();
  expect(openBatch(bytes).columns).toBe(openBatch(bytes).columns);
});
