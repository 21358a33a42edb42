// A query for one tenant: the predicate that uses the primary key, and limits. Row policies refuse whatever this forgot.

export type QueryParameter = string | number | boolean | readonly string[] | readonly number[];

export interface TenantQueryParts {
  /** Column expressions: "lower(hex(process_uid)) AS processUid". */
  readonly select: readonly string[];
  readonly from: ClickHouseTable;
  /** The newest version of each row of a replacing table. */
  readonly final?: boolean;
  /** Conditions that must all hold; values as `{name:Type}`, given in `parameters`. */
  readonly where?: readonly string[];
  readonly parameters?: Readonly<Record<string, QueryParameter>>;
  readonly groupBy?: readonly string[];
  readonly having?: readonly string[];
  readonly orderBy?: readonly string[];
  /** Rows, at most; 1,000 unless told. */
  readonly limit?: number;
}

export type ClickHouseTable = (typeof clickHouseTables)[number];

/** Every table has a tenant_id and a row policy. */
export const clickHouseTables = ['events', 'processes', 'findings', 'alerts', 'outcome_files', 'containers'] as const;

export interface TenantQuery {
  readonly query: string;
  readonly query_params: Readonly<Record<string, QueryParameter>>;
  readonly clickhouse_settings: Readonly<Record<string, string>>;
}

/** What one query may take. */
export const queryLimits = { seconds: 10, memoryBytes: 300_000_000, resultRows: 50_000 } as const;
const defaultRows = 1_000;

/** Values never become part of the text: they travel as parameters. */
export function tenantQuery(tenantId: string, parts: TenantQueryParts): TenantQuery {
  const where = ['tenant_id = {tenantId:String}', ...(parts.where ?? [])].map((condition) => `(${condition})`);
  const limit = Math.min(parts.limit ?? defaultRows, queryLimits.resultRows);
  const lines = [
    `SELECT ${parts.select.join(', ')}`,
    `FROM ${parts.from}${parts.final === true ? ' FINAL' : ''}`,
    `WHERE ${where.join(' AND ')}`,
    clause('GROUP BY', parts.groupBy),
    clause('HAVING', parts.having),
    clause('ORDER BY', parts.orderBy),
    `LIMIT ${Math.trunc(limit)}`,
  ];
  return {
    query: lines.filter((line) => line !== '').join('\n'),
    query_params: { ...parts.parameters, tenantId },
    clickhouse_settings: {
      max_execution_time: String(queryLimits.seconds),
      max_memory_usage: String(queryLimits.memoryBytes),
      max_result_rows: String(queryLimits.resultRows),
    },
  };
}

function clause(keyword: string, expressions: readonly string[] = []): string {
  if (expressions.length === 0) return '';
  return `${keyword} ${expressions.join(keyword === 'HAVING' ? ' AND ' : ', ')}`;
}
