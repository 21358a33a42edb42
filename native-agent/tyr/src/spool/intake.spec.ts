import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { event, openBatch } from '@norn/contracts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Intake } from './intake.ts';
import { Spool } from './spool.ts';

let directory: string;
let nowMs = 1_000_000;
const streamId = new Uint8Array(16).fill(3);

function aBatch(batchSeq: bigint, change: MessageInitShape<typeof event.EventBatchSchema> = {}): Uint8Array {
  const fields = { schemaVersion: 1, streamId, batchSeq, eventCount: 5, columnsSize: 10, columns: new Uint8Array(10) };
  return toBinary(event.EventBatchSchema, create(event.EventBatchSchema, Object.assign(fields, change)));
}

function open(): { intake: Intake; spool: Spool } {
  const logger = pino({ level: 'silent' });
  const intake = new Intake({ batchBytesMax: 1000, nowMs: () => nowMs, logger });
  const limits = { bytesMax: 100_000, segmentBytesMax: 10_000, memoryBytesMax: 10_000, memoryAgeMs: 1000 };
  const onLost = (loss: Parameters<Intake['lost']>[0]): void => {
    intake.lost(loss);
  };
  const onDiskFailed = (error: unknown): never => {
    throw error;
  };
  const spool = new Spool({ directory, limits, nowMs: () => nowMs, onLost, onDiskFailed });
  intake.attach(spool);
  return { intake, spool };
}

const seqsIn = (spool: Spool) => spool.read(0, 1_000_000).map(({ bytes }) => openBatch(bytes).batchSeq);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'norn-intake-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe('intake', () => {
  it('takes a batch once, though baldur sends it again after a reconnection', () => {
    const { intake, spool } = open();
    intake.stream(streamId);
    for (const seq of [1n, 2n]) intake.batch(aBatch(seq), seq);
    intake.stream(streamId);
    for (const seq of [1n, 2n, 3n]) intake.batch(aBatch(seq), seq);
    expect(seqsIn(spool)).toEqual([1, 2, 3]);
  });

  it('takes no batch again that a tyr before it has spooled', async () => {
    const before = open();
    before.intake.stream(streamId);
    for (const seq of [1n, 2n]) before.intake.batch(aBatch(seq), seq);
    await before.spool.close();
    const { intake, spool } = open();
    intake.stream(streamId);
    for (const seq of [2n, 3n]) intake.batch(aBatch(seq), seq);
    expect(seqsIn(spool)).toEqual([1, 2, 3]);
  });

  it('begins at 1 with a new baldur', () => {
    const { intake, spool } = open();
    intake.stream(streamId);
    intake.batch(aBatch(7n), 7n);
    intake.stream(new Uint8Array(16).fill(4));
    intake.batch(aBatch(1n), 1n);
    expect(seqsIn(spool)).toEqual([7, 1]);
  });

  it('says a batch to be durable when it is on disk, not before', async () => {
    const { intake, spool } = open();
    intake.stream(streamId);
    for (const seq of [1n, 2n]) intake.batch(aBatch(seq), seq);
    expect(intake.newlyDurable(spool.durableThrough)).toBeUndefined();
    await spool.flush();
    intake.batch(aBatch(3n), 3n);
    expect(intake.newlyDurable(spool.durableThrough)).toBe(2n);
    expect(intake.newlyDurable(spool.durableThrough)).toBeUndefined();
    spool.ack(3);
    expect(intake.newlyDurable(spool.durableThrough)).toBe(3n);
  });

  it('drops what the installation would refuse, and says so to baldur as done', () => {
    const { intake, spool } = open();
    intake.stream(streamId);
    intake.batch(aBatch(1n, { columns: new Uint8Array(2000) }), 1n);
    intake.batch(new Uint8Array([1, 2, 3]), 2n);
    expect(spool.entriesWaiting).toBe(0);
    expect(intake.newlyDurable(spool.durableThrough)).toBe(2n);
    expect(intake.eventsLost).toBe(5);
  });

  it('makes one GAP event of all that was lost within a second', () => {
    const { intake, spool } = open();
    intake.lost({ batches: 2, events: 800, precious: 0 });
    intake.lost({ batches: 1, events: 34, precious: 1 });
    expect(intake.tellLosses()).toBe(false);
    expect(spool.entriesWaiting).toBe(0);
    nowMs += 1500;
    expect([intake.tellLosses(), intake.tellLosses()]).toEqual([true, false]);
    const [entry, ...others] = spool.read(0, 1_000_000);
    expect(others).toEqual([]);
    expect(entry?.precious).toBe(true);
    const { columns, eventCount } = openBatch(entry?.bytes ?? new Uint8Array());
    const row = { kind: columns.kind[0], flags: columns.flags[0], value: columns.value[0], result: columns.result[0] };
    expect({ eventCount, ...row }).toEqual({
      eventCount: 1,
      kind: event.EventKind.GAP,
      flags: 4,
      value: 834n,
      result: 1500,
    });
  });
});
