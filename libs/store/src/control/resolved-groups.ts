// Which hosts the groups of hosts are about now.
import type { DataSource, EntityManager } from 'typeorm';

export interface ResolvedGroup {
  readonly name: string;
  readonly hostIds: readonly string[];
}

/** A member is a host's id, or a pattern of its name: `*` for any characters, without regard to case, and never an id; or whoever joined by an invitation to the group. */
const MEMBERS = String.raw`SELECT g.tenant_id AS "tenantId", g.name,
       coalesce(array_agg(h.id ORDER BY h.id) FILTER (WHERE h.id IS NOT NULL), '{}') AS "hostIds"
  FROM host_groups g
  LEFT JOIN hosts h ON h.tenant_id = g.tenant_id AND (h.id = ANY (g.members) OR h.joined_group = g.name OR h.name ILIKE ANY (
    SELECT replace(regexp_replace(member, '([\\%_])', '\\\1', 'g'), '*', '%') FROM unnest(g.members) member WHERE member !~ '^host-[0-9a-f]{16}$'))`;

/** By name, with the hosts that they are about now. SQL, for patterns against names. */
export function resolvedGroups(manager: EntityManager, tenantId: string): Promise<ResolvedGroup[]> {
  const groups = `${MEMBERS} WHERE g.tenant_id = $1 GROUP BY g.tenant_id, g.name ORDER BY g.name`;
  return manager.query<ResolvedGroup[]>(`SELECT name, "hostIds" FROM (${groups}) groups`, [tenantId]);
}

/** Of all tenants, by the same SQL. */
export function allResolvedGroups(database: DataSource): Promise<(ResolvedGroup & { readonly tenantId: string })[]> {
  return database.query(`${MEMBERS} GROUP BY g.tenant_id, g.name ORDER BY g.tenant_id, g.name`);
}
