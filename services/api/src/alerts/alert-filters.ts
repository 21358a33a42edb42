// Filters that only stored events can answer (a technique, a hash, an image, words), as the ids of the alerts they leave.
import type { AlertsQuery } from '../http/bounds.ts';
import type { Telemetry } from '../ports/telemetry.port.ts';

/** Alerts that one such filter may leave; a broader one shows the newest. */
const idsMax = 1000;

interface IdRow {
  id: string;
}

/** Undefined when no filter needs stored events. */
export async function idsLeftBy(
  telemetry: Telemetry,
  tenantId: string,
  query: AlertsQuery,
): Promise<string[] | undefined> {
  const asked = conditions(query);
  if (asked.length === 0) return undefined;
  const rows = await telemetry.rows<IdRow>(tenantId, {
    select: ['id'],
    from: 'alerts',
    final: true,
    where: asked.map(({ sql }) => sql),
    parameters: Object.assign({}, ...asked.map(({ params }) => params)) as Record<string, string>,
    orderBy: ['created_at DESC'],
    limit: idsMax,
  });
  return rows.map(({ id }) => id);
}

interface Condition {
  readonly sql: string;
  readonly params: Readonly<Record<string, string>>;
}

function conditions({ technique, rule, sha256, image, q }: AlertsQuery): Condition[] {
  const asked: Condition[] = [];
  if (technique !== undefined) asked.push({ sql: 'has(techniques, {technique:String})', params: { technique } });
  if (rule !== undefined) {
    asked.push({
      sql: 'id IN (SELECT alert_id FROM findings WHERE tenant_id = {tenantId:String} AND rule_id = {rule:String})',
      params: { rule },
    });
  }
  if (sha256 !== undefined)
    asked.push({ sql: ofProcesses('image_sha256 = toFixedString(unhex({sha256:String}), 32)'), params: { sha256 } });
  if (image !== undefined) asked.push({ sql: ofProcesses('image_path = {image:String}'), params: { image } });
  if (q !== undefined) {
    const columns = ['title', 'summary', 'id', 'container_id', 'host_id'];
    const hits = columns.map((column) => `positionCaseInsensitive(${column}, {q:String}) > 0`);
    asked.push({ sql: `(${hits.join(' OR ')} OR ${ofContainers('name', 'q')})`, params: { q } });
  }
  return asked;
}

function ofProcesses(condition: string): string {
  return `lineage_uid IN (SELECT lineage_uid FROM processes WHERE tenant_id = {tenantId:String} AND ${condition})`;
}

function ofContainers(column: string, parameter: string): string {
  return `container_id IN (SELECT container_id FROM containers WHERE tenant_id = {tenantId:String} AND container_id != ''
    AND (positionCaseInsensitive(${column}, {${parameter}:String}) > 0 OR positionCaseInsensitive(image, {${parameter}:String}) > 0))`;
}
