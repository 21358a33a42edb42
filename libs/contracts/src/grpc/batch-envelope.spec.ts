import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { BatchEnrichmentSchema, EventBatchSchema } from '../gen/norn/event/v1/event_pb.ts';
import { readBatchEnvelope } from './batch-envelope.ts';

const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;

function aBatch(change: MessageInitShape<typeof EventBatchSchema> = {}): Uint8Array {
  const fields = {
    schemaVersion: 1,
    streamId: new Uint8Array(16).fill(7),
    batchSeq: 9n,
    baseTimeUs: 1_760_000_000_000_000n,
  };
  const columns = { eventCount: 400, columnsSize: 70_000, columns: new Uint8Array(3000).fill(1) };
  return toBinary(
    EventBatchSchema,
    create(EventBatchSchema, { ...fields, ...columns, bootId: new Uint8Array(16), ...change }),
  );
}

function codeOf(batch: Uint8Array): string {
  const reading = readBatchEnvelope(batch);
  return reading.ok ? 'ok' : reading.code;
}

const followedBy = (batch: Uint8Array, ...bytes: number[]) => Uint8Array.from([...batch, ...bytes]);

describe('readBatchEnvelope', () => {
  it('reads what the generated writer wrote', () => {
    const reading = readBatchEnvelope(aBatch({ findings: [{ id: 'f' }, { id: 'g' }], traceparent }));
    expect(reading).toEqual({
      ok: true,
      envelope: {
        schemaVersion: 1,
        streamId: new Uint8Array(16).fill(7),
        batchSeq: 9,
        eventCount: 400,
        columnsSize: 70_000,
        columnsBytes: 3000,
        findings: 2,
        traceparent,
      },
    });
  });

  it('passes a field that a later agent may add', () => {
    expect(codeOf(followedBy(aBatch(), (15 << 3) | 2, 1, 0x41))).toBe('ok');
  });

  it.each([
    ['enrichment', aBatch({ enrichment: create(BatchEnrichmentSchema) })],
    ['lineage', aBatch({ lineage: new Uint8Array(8) })],
    ['lineage under a tag of needless length', followedBy(aBatch(), 0xaa, 0x81, 0x80, 0x00, 0)],
  ])('calls a batch foreign that brings its own %s', (_name, batch) => {
    expect(codeOf(batch)).toBe('foreign');
  });

  it.each([
    ['nothing', new Uint8Array()],
    ['a stream id of 15 bytes', aBatch({ streamId: new Uint8Array(15) })],
    ['no batch_seq', aBatch({ batchSeq: 0n })],
    ['a batch_seq beyond 2^53', aBatch({ batchSeq: 2n ** 60n })],
    ['a boot id of 3 bytes', aBatch({ bootId: new Uint8Array(3) })],
    ['a traceparent that is none', aBatch({ traceparent: 'x'.repeat(55) })],
    ['its end cut off', aBatch().subarray(0, 2000)],
    ['columns twice', followedBy(aBatch(), (7 << 3) | 2, 0)],
    ['columns as a number', followedBy(aBatch(), (7 << 3) | 0, 1)],
    ['a group', followedBy(aBatch(), (12 << 3) | 3)],
    ['field 0', followedBy(aBatch(), 0, 0)],
    ['a tag that 32 bits cut to field 20', followedBy(aBatch(), 0xa2, 0x81, 0x80, 0x80, 0x10, 0)],
    ['an endless number', followedBy(aBatch(), 0x60, ...new Array<number>(11).fill(0xff))],
  ])('calls a batch malformed that has %s', (_name, batch) => {
    expect(codeOf(batch)).toBe('malformed');
  });

  it('never throws, whatever the bytes', () => {
    const batch = aBatch();
    for (let position = 0; position < 120; position++) {
      for (const value of [0, 0x7f, 0x80, 0xff]) {
        const changed = Uint8Array.from(batch);
        changed[position] = value;
        expect(() => readBatchEnvelope(changed)).not.toThrow();
      }
    }
  });
});
