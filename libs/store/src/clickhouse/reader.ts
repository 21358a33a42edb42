// Reading ClickHouse for one tenant. Its name is in a header of every request; without it the row policies show nothing.
import {
  type ClickHouseClient,
  ClickHouseLogLevel,
  type ProgressRow,
  type ResultSet,
  createClient,
  isException,
  isProgressRow,
  isRow,
  parseError,
} from '@clickhouse/client';
import { NornError, messageOf } from '@norn/base';
import { readSecret } from '@norn/config';
import { type EngineAddress, connectionsTo } from './connections.ts';
import { type TenantQueryParts, longQueryLimits, queryLimits, tenantQuery } from './tenant-query.ts';

export interface ReaderConfig extends EngineAddress {
  readonly clickhouseDatabase: string;
  readonly clickhouseReaderPasswordFile: string;
}

/** How far a query is; both grow. */
export interface ReadProgress {
  readonly rowsRead: number;
  /** As far as ClickHouse knows; 0 at first. */
  readonly rowsToRead: number;
}

export interface Reading {
  /** Ends the query, in ClickHouse too. */
  readonly signal?: AbortSignal | undefined;
  /** Called while the query runs, some ten times a second. */
  readonly onProgress?: ((progress: ReadProgress) => void) | undefined;
}

export interface TenantReader {
  readonly tenantId: string;
  /** Rows as objects by the names selected; 64-bit integers come as strings. Throws `query_failed`. */
  select<Row>(parts: TenantQueryParts, reading?: Reading): Promise<Row[]>;
  close(): Promise<void>;
}

/** Connections of one tenant's reader: two hunts at once have two each, the rest is for its pages. */
const connectionsMax = 8;
/** How much longer than ClickHouse gives a query its answer is waited for, so that it is ClickHouse that says what was too much. */
const patienceMs = 4_000;
const answerWithinMs = ({ long }: TenantQueryParts): number =>
  (long === true ? longQueryLimits : queryLimits).seconds * 1_000 + patienceMs;

/** Holds connections: make one for each tenant that asks, and keep it. */
export function createReader(config: ReaderConfig, tenantId: string): TenantReader {
  const client = createClient({
    url: config.clickhouseUrl,
    database: config.clickhouseDatabase,
    // What goes wrong is reported once, by whoever asked.
    log: { level: ClickHouseLogLevel.OFF },
    username: 'norn_reader',
    password: readSecret(config.clickhouseReaderPasswordFile).trim(),
    http_headers: { 'X-Norn-Tenant': tenantId },
    max_open_connections: connectionsMax,
    ...connectionsTo(config, connectionsMax),
    // Each query has a limit of its own, at most this.
    request_timeout: longQueryLimits.seconds * 1_000 + patienceMs,
  });
  return {
    tenantId,
    select: (parts, reading) => select(client, tenantId, parts, reading),
    close: () => client.close(),
  };
}

async function select<Row>(
  client: ClickHouseClient,
  tenantId: string,
  parts: TenantQueryParts,
  { signal, onProgress }: Reading = {},
): Promise<Row[]> {
  const { query, query_params, clickhouse_settings } = tenantQuery(tenantId, parts);
  const withinMs = answerWithinMs(parts);
  const late = AbortSignal.timeout(withinMs);
  try {
    const asked = {
      query,
      query_params: { ...query_params },
      clickhouse_settings: { ...clickhouse_settings },
      abort_signal: signal === undefined ? late : AbortSignal.any([signal, late]),
    };
    if (onProgress === undefined) return await (await client.query({ ...asked, format: 'JSONEachRow' })).json<Row>();
    return await followed<Row>(await client.query({ ...asked, format: 'JSONEachRowWithProgress' }), onProgress);
  } catch (error) {
    const cure = 'narrow the time or the filter, or see whether ClickHouse runs';
    const why = late.aborted ? `no answer within ${withinMs / 1_000} s` : messageOf(error);
    throw new NornError('query_failed', `Query of ${parts.from} failed (${why}): ${cure}`, {
      cause: error,
    });
  }
}

/** The answer is under way before the query is done, and so is what goes wrong. */
async function followed<Row>(
  result: ResultSet<'JSONEachRowWithProgress'>,
  onProgress: (progress: ReadProgress) => void,
): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const some of result.stream<Row>()) {
    for (const each of some) {
      const line: unknown = each.json();
      if (isRow<Row>(line)) rows.push(line.row);
      else if (isException(line)) throw parseError(line.exception);
      else if (isProgressRow(line)) onProgress(progressOf(line.progress));
    }
  }
  return rows;
}

function progressOf({ read_rows, total_rows_to_read }: ProgressRow['progress']): ReadProgress {
  return { rowsRead: Number(read_rows), rowsToRead: Number(total_rows_to_read ?? 0) };
}
