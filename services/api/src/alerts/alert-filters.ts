// Filters that only stored events can answer (a technique, a hash, an image, words), as the ids of the alerts they leave.
import type { AlertsQuery } from '../http/bounds.ts';
import type { Telemetry } from '../model/telemetry.port.ts';

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

function conditions(query: AlertsQuery): Condition[] {
  const { technique, rule, sha256, image } = query;
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
  asked.push(...placeConditions(query));
  const { q } = query;
  if (q !== undefined) {
    const columns = ['title', 'summary', 'id', 'container_id', 'host_id'];
    const hits = columns.map((column) => `positionCaseInsensitive(${column}, {q:String}) > 0`);
    asked.push({ sql: `(${hits.join(' OR ')} OR ${ofContainers('name', 'q')})`, params: { q } });
  }
  return asked;
}

/** Where: what the runtime said of the container. */
function placeConditions({ namespace, pod, workload, containerImage, label }: AlertsQuery): Condition[] {
  const asked = {
    namespace: ['pod_namespace = {namespace:String}', namespace],
    pod: ['pod_name = {pod:String}', pod],
    workload: ['pod_owner = {workload:String}', workload],
    containerImage: ['{containerImage:String} IN (image, image_digest, image_id)', containerImage],
    label: ['has(pod_labels, {label:String})', label],
  } as const;
  return Object.entries(asked).flatMap(([name, [condition, value]]) =>
    value === undefined ? [] : [{ sql: inContainers(condition), params: { [name]: value } }],
  );
}

function ofProcesses(condition: string): string {
  return `lineage_uid IN (SELECT lineage_uid FROM processes WHERE tenant_id = {tenantId:String} AND ${condition})`;
}

function ofContainers(column: string, parameter: string): string {
  const hits = [column, 'image', 'pod_name', 'pod_namespace', 'pod_owner'].map(
    (one) => `positionCaseInsensitive(${one}, {${parameter}:String}) > 0`,
  );
  return inContainers(`(${hits.join(' OR ')})`);
}

function inContainers(condition: string): string {
  return `container_id IN (SELECT container_id FROM containers WHERE tenant_id = {tenantId:String} AND container_id != ''
    AND ${condition})`;
}
