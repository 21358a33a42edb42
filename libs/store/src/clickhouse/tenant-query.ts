// A query for one tenant: the predicate that uses the primary key, and limits. Row policies refuse whatever this forgot.

export type QueryParameter = string | number | boolean | readonly string[] | readonly number[];

export interface TenantQueryParts {
  /** Column expressions: "lower(hex(process_uid)) AS processUid". */
  readonly select: readonly string[];
  readonly from: ClickHouseTable;
  /** The newest version of each row of a replacing table. */
  readonly final?: boolean;
  readonly join?: TenantJoin;
  /** Conditions that must all hold; values as `{name:Type}`, given in `parameters`. */
  readonly where?: readonly string[];
  readonly parameters?: Readonly<Record<string, QueryParameter>>;
  readonly groupBy?: readonly string[];
  readonly having?: readonly string[];
  readonly orderBy?: readonly string[];
  /** Rows, at most; 1,000 unless told. */
  readonly limit?: number;
  /** Rows left out before the first. */
  readonly offset?: number;
  /** For questions to all of history: up to `longQueryLimits`. */
  readonly long?: boolean;
}

/** Rows of another table beside those of `from`: of the same tenant, and of those with the same keys the last one not after. */
export interface TenantJoin {
  /** Its columns are `as.name` in the query. */
  readonly as: string;
  readonly select: readonly string[];
  readonly from: ClickHouseTable;
  readonly final?: boolean;
  readonly where?: readonly string[];
  /** Equalities, and at last `time >= as.time`. */
  readonly on: readonly string[];
}

export type ClickHouseTable = (typeof clickHouseTables)[number];

/** Every table has a tenant_id and a row policy. */
export const clickHouseTables = [
  'events',
  'processes',
  'process_ends',
  'process_sightings',
  'agent_starts',
  'lifecycle_marks',
  'host_progress',
  'findings',
  'alerts',
  'outcome_files',
  'containers',
] as const;

export interface TenantQuery {
  readonly query: string;
  readonly query_params: Readonly<Record<string, QueryParameter>>;
  readonly clickhouse_settings: Readonly<Record<string, string>>;
}

/** What one query may take. */
export const queryLimits = { seconds: 10, memoryBytes: 300_000_000, resultRows: 50_000 } as const;
/** What the readers' profile allows at most. */
export const longQueryLimits = { ...queryLimits, seconds: 28, memoryBytes: 400_000_000 } as const;
const defaultRows = 1_000;

/** Values never become part of the text: they travel as parameters. */
export function tenantQuery(tenantId: string, parts: TenantQueryParts): TenantQuery {
  const limits = parts.long === true ? longQueryLimits : queryLimits;
  const limit = Math.min(parts.limit ?? defaultRows, queryLimits.resultRows);
  const lines = [
    `SELECT ${parts.select.join(', ')}`,
    source(parts),
    parts.join ? joined(parts.join) : '',
    ofTenant(parts.where),
    clause('GROUP BY', parts.groupBy),
    clause('HAVING', parts.having),
    clause('ORDER BY', parts.orderBy),
    `LIMIT ${Math.trunc(limit)}`,
    (parts.offset ?? 0) > 0 ? `OFFSET ${Math.trunc(parts.offset ?? 0)}` : '',
  ];
  return {
    query: lines.filter((line) => line !== '').join('\n'),
    query_params: { ...parts.parameters, tenantId },
    clickhouse_settings: {
      max_execution_time: String(limits.seconds),
      max_memory_usage: String(limits.memoryBytes),
      max_result_rows: String(limits.resultRows),
    },
  };
}

function source({ from, final }: Pick<TenantQueryParts, 'from' | 'final'>): string {
  return `FROM ${from}${final === true ? ' FINAL' : ''}`;
}

function ofTenant(conditions: readonly string[] = []): string {
  return `WHERE ${['tenant_id = {tenantId:String}', ...conditions].map((condition) => `(${condition})`).join(' AND ')}`;
}

function joined(join: TenantJoin): string {
  const rows = `SELECT ${join.select.join(', ')} ${source(join)} ${ofTenant(join.where)}`;
  return `ASOF LEFT JOIN (${rows}) AS ${join.as} ON ${join.on.join(' AND ')}`;
}

function clause(keyword: string, expressions: readonly string[] = []): string {
  if (expressions.length === 0) return '';
  return `${keyword} ${expressions.join(keyword === 'HAVING' ? ' AND ' : ', ')}`;
}
