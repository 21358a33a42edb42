// Writing ClickHouse: migrations at the start, Native blocks from then on, and the question what is stored already.
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { type ClickHouseClient, ClickHouseError, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { AwayError, NornError, messageOf } from '@norn/base';
import { readSecret } from '@norn/config';
import { type EngineAddress, connectionsTo } from './connections.ts';
import { migrate } from './migrate.ts';
import type { NativeBlock } from './native/block.ts';
import type { Column } from './native/columns.ts';

/** Connections of a writer. */
const connectionsMax = 8;

export interface WriterConfig extends EngineAddress {
  readonly clickhouseDatabase: string;
  readonly clickhouseWriterPasswordFile: string;
}

export interface StreamQuestion {
  readonly tenantId: string;
  readonly hostId: string;
  readonly streamIdHex: string;
  /** Unix µs; only rows from then on are looked at: a batch stored before has rows with its own times. */
  readonly sinceUs: number;
}

/** Where the rows of some batches are: all of these, and maybe others. */
export interface BatchStretch {
  readonly tenantIds: readonly string[];
  readonly hostIds: readonly string[];
  /** 32 hex. */
  readonly streamIds: readonly string[];
  readonly batchSeqs: { readonly first: number; readonly last: number };
  /** Unix µs. */
  readonly timeUs: { readonly first: number; readonly last: number };
}

export type AnyBlock = NativeBlock<Readonly<Record<string, Column>>>;

export interface MissingRows {
  readonly stretch: BatchStretch;
  readonly signal?: AbortSignal;
}

export interface StoreWriter {
  /**
   * Stores all rows or none; the same token again within the last 10,000 inserts of the table stores nothing. Throws `insert_failed` (an
   * `AwayError`: also when `signal` ends it, and then it may be stored all the same), `rows_refused` when a row can not be stored.
   */
  insert(block: AnyBlock, token: string, signal?: AbortSignal): Promise<void>;
  /**
   * Stores the rows of events that are not there. A token alone does not say that they are: ClickHouse writes it down before the part, and may end
   * in between. Throws as `insert` does.
   */
  insertMissing(block: AnyBlock, token: string, missing: MissingRows): Promise<void>;
  /** 0 when nothing of the stream is stored. */
  highestStored(question: StreamQuestion): Promise<number>;
  /** True when a row of that very batch is there. */
  isStored(question: StreamQuestion, batchSeq: number): Promise<boolean>;
  close(): Promise<void>;
}

/** Brings the schema up to date. Throws `store_away` when ClickHouse does not answer. */
export async function createWriter(config: WriterConfig): Promise<StoreWriter> {
  const client = createClient({
    url: config.clickhouseUrl,
    database: config.clickhouseDatabase,
    // What goes wrong is reported once, by whoever asked.
    log: { level: ClickHouseLogLevel.OFF },
    username: 'norn_writer',
    password: readSecret(config.clickhouseWriterPasswordFile).trim(),
    max_open_connections: connectionsMax,
    ...connectionsTo(config, connectionsMax),
    request_timeout: 60_000,
    keep_alive: { idle_socket_ttl: 2_000 },
  });
  await migrate(client);
  return {
    insert: (block, token, signal) => insert(client, { block, token, signal, query: block.insertQuery }),
    insertMissing: (block, token, { stretch, signal }) =>
      insert(client, { block, token, signal, query: block.insertQueryWhere(notStored(stretch)) }),
    highestStored: (question) => highestStored(client, question),
    isStored: async (question, batchSeq) => (await highestStored(client, question, batchSeq)) === batchSeq,
    close: () => client.close(),
  };
}

/**
 * ClickHouse's codes for rows that it does not take however often they come: what does not parse or convert, is out of range or too large, or violates a
 * constraint. All others (memory, disk, too many parts, a table that is not there) say nothing of the rows.
 */
const refusedRows: ReadonlySet<string> = new Set([
  '6',
  '27',
  '69',
  '70',
  '117',
  '128',
  '131',
  '190',
  '321',
  '349',
  '469',
]);

interface Insert {
  readonly block: AnyBlock;
  readonly token: string;
  readonly signal: AbortSignal | undefined;
  readonly query: string;
}

/** Names are those of an installation; quotes and backslashes are all that would matter. */
function notStored({ tenantIds, hostIds, streamIds, batchSeqs, timeUs }: BatchStretch): string {
  const text = (value: string): string => `'${value.replace(/[\\']/g, '\\$&')}'`;
  const among = (column: string, values: readonly string[]): string => `${column} IN (${values.join(', ')})`;
  const stored = [
    among('tenant_id', tenantIds.map(text)),
    among('host_id', hostIds.map(text)),
    `time BETWEEN fromUnixTimestamp64Micro(${timeUs.first}) AND fromUnixTimestamp64Micro(${timeUs.last})`,
    among(
      'stream_id',
      streamIds.map((id) => `unhex(${text(id)})`),
    ),
    `batch_seq BETWEEN ${batchSeqs.first} AND ${batchSeqs.last}`,
  ];
  return `(stream_id, batch_seq, row) NOT IN (SELECT stream_id, batch_seq, row FROM events WHERE ${stored.join(' AND ')})`;
}

async function insert(client: ClickHouseClient, { block, token, signal, query }: Insert): Promise<void> {
  try {
    const result = await client.exec({
      query,
      values: Readable.from(block.chunks(), { objectMode: false }),
      ...(signal !== undefined && { abort_signal: signal }),
      clickhouse_settings: {
        insert_deduplication_token: token,
        insert_deduplicate: 1,
        // A repeated insert reaches the tables that views fill, should the first have missed them: their rows replace each other.
        deduplicate_blocks_in_dependent_materialized_views: 1,
        async_insert: 0,
        // The block is one part, so it is there as a whole or not at all.
        max_insert_block_size: '1048576',
        input_format_native_allow_types_conversion: 0,
      },
    });
    result.stream.resume();
    if (!result.stream.readableEnded) await once(result.stream, 'end');
  } catch (error) {
    const what = `${block.rows} rows for ${block.table} are not stored (${messageOf(error)})`;
    if (error instanceof ClickHouseError && refusedRows.has(error.code)) {
      throw new NornError('rows_refused', `${what}: see the record among the dead letters`, { cause: error });
    }
    throw new AwayError('insert_failed', `${what}: see whether ClickHouse runs and has disk`, { cause: error });
  }
}

/** `until`: batches above are left out. */
async function highestStored(
  client: ClickHouseClient,
  question: StreamQuestion,
  until: number = Number.MAX_SAFE_INTEGER,
): Promise<number> {
  try {
    return await askHighest(client, question, until);
  } catch (error) {
    const what = `ClickHouse does not say what it has of ${question.hostId} (${messageOf(error)})`;
    throw new AwayError('store_away', `${what}: see whether it runs`, { cause: error });
  }
}

async function askHighest(client: ClickHouseClient, question: StreamQuestion, until: number): Promise<number> {
  const result = await client.query({
    query: `SELECT max(batch_seq) AS seq FROM events
      WHERE tenant_id = {tenantId:String} AND host_id = {hostId:String}
        AND time >= fromUnixTimestamp64Micro({sinceUs:Int64}) AND stream_id = unhex({streamId:String}) AND batch_seq <= {until:UInt64}`,
    query_params: {
      tenantId: question.tenantId,
      hostId: question.hostId,
      sinceUs: String(question.sinceUs),
      streamId: question.streamIdHex,
      until: String(until),
    },
    format: 'JSONEachRow',
    clickhouse_settings: { max_execution_time: 30 },
  });
  const [row] = await result.json<{ seq: string }>();
  return Number(row?.seq ?? 0);
}
