// What the pages of alerts ask of stored events: which alerts a filter leaves, and the files of one, page by page.
import type { TenantQueryParts } from '@norn/store';
import { filesMax } from '../model/attack/attack.queries.ts';
import type { AlertsQuery } from './alerts.request.ts';

/** Alerts that one such filter may leave; a broader one shows the newest. */
const idsMax = 1000;

/** Filters that only stored events can answer (a technique, a hash, an image, words), as the ids they leave. Undefined when none is asked for. */
export function filteredIdsQuery(query: AlertsQuery): TenantQueryParts | undefined {
  const asked = conditions(query);
  if (asked.length === 0) return undefined;
  return {
    select: ['id'],
    from: 'alerts',
    final: true,
    where: asked.map(({ sql }) => sql),
    parameters: Object.assign({}, ...asked.map(({ params }) => params)) as Record<string, string>,
    orderBy: ['created_at DESC'],
    limit: idsMax,
  };
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

export interface FileRow {
  path: string;
  containerId: string;
  lastVerdict: string;
  lastReason: string;
  lastChange: string;
  lastSize: string | number;
  sha256Before: string;
  sha256After: string;
  lastMode: number;
  userId: number;
  groupId: number;
  modifiedUs: number | string;
  changedUs: number | string;
  uid: string;
  decidedUs: number | string;
  quarantinedAs: string;
}

/**
 * One row a file: the last verdict about it, but for those of `undone` commands; "unchanged" after "restored" is still restored.
 * What was lost stands first.
 */
export function filesQuery(alertId: string, undone: readonly string[], offset = 0): TenantQueryParts {
  const last = (column: string): string => `argMax(${column}, (verdict != 'unchanged', finished_at))`;
  const hash = (column: string): string =>
    `if(length(${last(column)}) = 32, lower(hex(${last(column)})), lower(${last(column)}))`;
  return {
    select: [
      'path, container_id AS containerId',
      `${last('verdict')} AS lastVerdict, ${last('reason')} AS lastReason, ${last('change')} AS lastChange, ${last('size')} AS lastSize`,
      `${hash('sha256_before')} AS sha256Before, ${hash('sha256_after')} AS sha256After, ${last('mode')} AS lastMode`,
      `${last('user_id')} AS userId, ${last('group_id')} AS groupId, toUnixTimestamp64Micro(${last('modified_at')}) AS modifiedUs`,
      `toUnixTimestamp64Micro(${last('changed_at')}) AS changedUs, lower(hex(${last('process_uid')})) AS uid`,
      `toUnixTimestamp64Micro(max(finished_at)) AS decidedUs, ${last('quarantined_as')} AS quarantinedAs`,
    ],
    from: 'outcome_files',
    final: true,
    where: ['alert_id = {alert:String}', 'NOT has({undone:Array(String)}, command_id)'],
    parameters: { alert: alertId, undone: [...undone] },
    groupBy: ['path', 'container_id'],
    orderBy: ["indexOf(['lost', 'conflict', 'restored', 'removed', 'unchanged'], lastVerdict)", 'changedUs', 'path'],
    limit: filesMax + 1,
    offset,
  };
}
