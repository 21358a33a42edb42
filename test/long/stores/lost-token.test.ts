// ClickHouse writes the token of an insert down before its part has its name. One that ends in between takes the repetition for stored.
// @norn-strict
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClient } from '@clickhouse/client';
import { BatchWriter, event, openBatch } from '@norn/contracts';
import { type BatchStretch, type StoreWriter, createEventsBlock, createWriter, pushEvents } from '@norn/store';
import { type TestClickHouse, startClickHouse } from '@norn/testkit';

const folder = mkdtempSync('/tmp/norn-lost-token-');
const owner = { tenantId: "o'neill", hostId: 'host\\1' };
const uid = new Uint8Array(16).fill(0xcd);
const process_ = { uid, parentUid: uid, pid: 1, startTimeUs: 1, imagePath: '/bin/true' };
const now = new Date();
const turnUs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1) * 1000;
/** Around the next turn of a month: two parts, and none so old that it is removed. */
const [early, late] = [turnUs - 1_000_000_000, turnUs + 1_000_000_000];
const monthOf = (timeUs: number): number => {
  const time = new Date(timeUs / 1000);
  return time.getUTCFullYear() * 100 + time.getUTCMonth() + 1;
};
const [earlyMonth, lateMonth] = [monthOf(early), monthOf(late)];

let engine: TestClickHouse;
let writer: StoreWriter;
beforeAll(async () => {
  engine = await startClickHouse();
  const password = join(folder, 'writer');
  writeFileSync(password, engine.writerPassword, { mode: 0o600 });
  writer = await createWriter({
    clickhouseUrl: engine.url,
    clickhouseDatabase: 'norn',
    clickhouseWriterPasswordFile: password,
  });
});
afterAll(async () => {
  await writer.close();
  await engine.stop();
  rmSync(folder, { recursive: true });
});

function blockOf(times: readonly number[], batchSeq: number) {
  const batch = new BatchWriter(times[0]);
  for (const timeUs of times) batch.add({ kind: event.EventKind.EXEC, timeUs, process: process_ });
  const block = createEventsBlock();
  pushEvents(block, owner, openBatch(batch.finish({ streamId: uid, batchSeq })));
  return block;
}

function stretchOf(times: readonly number[], seq: number): BatchStretch {
  return {
    tenantIds: [owner.tenantId],
    hostIds: [owner.hostId],
    streamIds: ['cd'.repeat(16)],
    batchSeqs: { first: seq, last: seq },
    timeUs: { first: Math.min(...times), last: Math.max(...times) },
  };
}

async function ask<Row>(query: string): Promise<Row[]> {
  const { url, writerPassword: password } = engine;
  const client = createClient({ url, database: 'norn', username: 'norn_writer', password });
  try {
    return await (await client.query({ query, format: 'JSONEachRow' })).json<Row>();
  } finally {
    await client.close();
  }
}

/** Rows of a batch by month. */
async function stored(batchSeq: number): Promise<Record<number, number>> {
  const query = `SELECT toYYYYMM(time) AS month, toUInt32(count()) AS rows FROM events WHERE batch_seq = ${batchSeq} GROUP BY month`;
  const rows = await ask<{ month: number; rows: number }>(query);
  return Object.fromEntries(rows.map(({ month, rows: count }) => [month, count]));
}

/** As if the engine had ended when the token was written and the part was not. */
async function losePart(month: number): Promise<void> {
  const query = `SELECT path FROM system.parts WHERE table = 'events' AND active AND partition = '${month}'`;
  const paths = (await ask<{ path: string }>(query)).map(({ path }) => path);
  expect(paths.length).toBeGreaterThan(0);
  await engine.kill();
  for (const path of paths) rmSync(path, { recursive: true });
  await engine.restart();
}

describe('rows whose token is known and whose part is not', () => {
  it('are taken for stored when their insert is repeated, and stored when they are looked for, once', async () => {
    const times = [early, early + 1, early + 2];
    await writer.insert(blockOf(times, 1), 'first');
    await losePart(earlyMonth);
    await writer.insert(blockOf(times, 1), 'first');
    expect(await stored(1)).toEqual({});
    await writer.insertMissing(blockOf(times, 1), 'first/1', { stretch: stretchOf(times, 1) });
    expect(await stored(1)).toEqual({ [earlyMonth]: 3 });
    await writer.insertMissing(blockOf(times, 1), 'first/2', { stretch: stretchOf(times, 1) });
    expect(await stored(1)).toEqual({ [earlyMonth]: 3 });
  });

  it('are stored beside those of the same batch that are there', async () => {
    const times = [early, early + 1, late, late + 1, late + 2];
    await writer.insert(blockOf(times, 2), 'second');
    expect(await stored(2)).toEqual({ [earlyMonth]: 2, [lateMonth]: 3 });
    await losePart(lateMonth);
    await writer.insert(blockOf(times, 2), 'second');
    expect(await stored(2)).toEqual({ [earlyMonth]: 2 });
    await writer.insertMissing(blockOf(times, 2), 'second/1', { stretch: stretchOf(times, 2) });
    expect(await stored(2)).toEqual({ [earlyMonth]: 2, [lateMonth]: 3 });
  });
});
