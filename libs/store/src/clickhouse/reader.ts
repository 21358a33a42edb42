// Reading ClickHouse for one tenant. Its name is in a header of every request; without it the row policies show nothing.
import { readFileSync } from 'node:fs';
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { NornError, messageOf } from '@norn/base';
import { type TenantQueryParts, longQueryLimits, tenantQuery } from './tenant-query.ts';

export interface ReaderConfig {
  readonly clickhouseUrl: string;
  readonly clickhouseDatabase: string;
  readonly clickhouseReaderPasswordFile: string;
}

export interface TenantReader {
  readonly tenantId: string;
  /** Rows as objects by the names selected; 64-bit integers come as strings. Throws `query_failed`. */
  select<Row>(parts: TenantQueryParts, signal?: AbortSignal): Promise<Row[]>;
  close(): Promise<void>;
}

/** Connections of one tenant's reader: two hunts at once have two each, the rest is for its pages. */
const connectionsMax = 8;
/** Longer than ClickHouse gives the longest query, so that it is ClickHouse that says what was too much. */
const requestTimeoutMs = (longQueryLimits.seconds + 4) * 1_000;

/** Holds connections: make one for each tenant that asks, and keep it. */
export function createReader(config: ReaderConfig, tenantId: string): TenantReader {
  const client = createClient({
    url: config.clickhouseUrl,
    database: config.clickhouseDatabase,
    // What goes wrong is reported once, by whoever asked.
    log: { level: ClickHouseLogLevel.OFF },
    username: 'norn_reader',
    password: readFileSync(config.clickhouseReaderPasswordFile, 'utf8').trim(),
    http_headers: { 'X-Norn-Tenant': tenantId },
    max_open_connections: connectionsMax,
    request_timeout: requestTimeoutMs,
  });
  return {
    tenantId,
    select: (parts, signal) => select(client, tenantId, parts, signal),
    close: () => client.close(),
  };
}

async function select<Row>(
  client: ClickHouseClient,
  tenantId: string,
  parts: TenantQueryParts,
  signal: AbortSignal | undefined,
): Promise<Row[]> {
  const { query, query_params, clickhouse_settings } = tenantQuery(tenantId, parts);
  try {
    const result = await client.query({
      query,
      query_params: { ...query_params },
      clickhouse_settings: { ...clickhouse_settings },
      format: 'JSONEachRow',
      ...(signal === undefined ? {} : { abort_signal: signal }),
    });
    return await result.json<Row>();
  } catch (error) {
    const cure = 'narrow the time or the filter, or see whether ClickHouse runs';
    throw new NornError('query_failed', `Query of ${parts.from} failed (${messageOf(error)}): ${cure}`, {
      cause: error,
    });
  }
}
