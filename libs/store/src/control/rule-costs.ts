// What rules cost the stage that judges: written by it every minute, read for a list of rules.
import type { DataSource } from 'typeorm';

/** How long a minute's costs are kept; the list tells of the last hour. */
const KEPT_HOURS = 2;

export interface RuleCostRow {
  /** Empty: one of Norn's own rules, over the events of all tenants. */
  readonly tenantId: string;
  readonly ruleId: string;
  /** That the rules of its engine were asked about. */
  readonly events: number;
  /** That this one was looked at for. */
  readonly looked: number;
  readonly ns: number;
}

/** SQL, for the table has no key: rows are added up in it, many at once. */
export async function addRuleCosts(database: DataSource, rows: readonly RuleCostRow[]): Promise<void> {
  await database.query(
    `INSERT INTO rule_costs (tenant_id, rule_id, events, looked, ns)
     SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[])`,
    [
      rows.map(({ tenantId }) => tenantId),
      rows.map(({ ruleId }) => ruleId),
      ...(['events', 'looked', 'ns'] as const).map((column) => rows.map((row) => Math.round(row[column]))),
    ],
  );
  await database.query('DELETE FROM rule_costs WHERE at < now() - make_interval(hours => $1)', [KEPT_HOURS]);
}

/** Of the last hour, of Norn's own rules and the tenant's: those that were looked at. SQL, for sums. */
export async function ruleCosts(database: DataSource, tenantId: string): Promise<RuleCostRow[]> {
  const rows = await database.query<Record<keyof RuleCostRow, string>[]>(
    `SELECT tenant_id AS "tenantId", rule_id AS "ruleId", sum(events) AS events, sum(looked) AS looked, sum(ns) AS ns
     FROM rule_costs WHERE tenant_id IN ('', $1) AND at > now() - interval '1 hour'
     GROUP BY tenant_id, rule_id`,
    [tenantId],
  );
  return rows.map(({ events, looked, ns, ...row }) => ({
    ...row,
    events: Number(events),
    looked: Number(looked),
    ns: Number(ns),
  }));
}
