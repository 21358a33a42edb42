// What every question about a rule's events has in common: its condition, and the processes it speaks of.
import { capabilitySets } from '@norn/contracts';
import { processTable, type Hunt } from '@norn/rules';
import type { TenantQueryParts } from '@norn/store';

export interface HuntWindow {
  /** Unix µs; the last is not part of it. */
  readonly sinceUs: number;
  readonly untilUs: number;
}

export const capabilityColumns = capabilitySets.map((set) => `capabilities_${set}`);

const within = 'time >= fromUnixTimestamp64Micro({since:Int64}) AND time < fromUnixTimestamp64Micro({until:Int64})';

/** All of a question but what it selects. */
export function asking(hunt: Hunt, { sinceUs, untilUs }: HuntWindow): Omit<TenantQueryParts, 'select'> {
  return {
    from: 'events',
    ...(hunt.tables.has(processTable) ? { join: processesOf(hunt) } : {}),
    where: [within, ...narrowed(hunt), hunt.where],
    parameters: { ...hunt.parameters, since: sinceUs, until: untilUs },
    long: true,
  };
}

/** What can be told without the join. A process with no image of which the rule's words are true has no events that it finds. */
function narrowed({ narrowing, narrowingBy }: Hunt): string[] {
  const ofProcess = narrowingBy.get(processTable);
  if (ofProcess === undefined) return [narrowing];
  const images = `processes AS ${processTable} WHERE tenant_id = {tenantId:String} AND ${ofProcess}`;
  return [narrowing, `process_uid IN (SELECT process_uid FROM ${images})`];
}

/** The image that ran at the time of the event: of those with its path the one that started last before. */
function processesOf(hunt: Hunt): NonNullable<TenantQueryParts['join']> {
  const conditions = ['tenant_id = {tenantId:String}', within, ...narrowed(hunt)];
  const uids = `SELECT process_uid FROM events WHERE ${conditions.join(' AND ')}`;
  return {
    as: processTable,
    select: [
      'host_id AS of_host, process_uid AS of_process, image_path AS of_image, image_time AS since_time',
      'seen_time, command_line, working_directory, parent_pid, user_id, user_name, group_id, container_image, pod_namespace, pod_labels, pod_owner',
      'ancestor_images, parent_command_line, image_flags, image_sha256, environment, package, package_version',
      `terminal, login_user_id, session_id, ${capabilityColumns.join(', ')}`,
    ],
    from: 'processes',
    final: true,
    where: ['image_time < fromUnixTimestamp64Micro({until:Int64})', `process_uid IN (${uids})`],
    on: [
      `host_id = ${processTable}.of_host`,
      `process_uid = ${processTable}.of_process`,
      `image_path = ${processTable}.of_image`,
      `time >= ${processTable}.since_time`,
    ],
  };
}

export interface CountRow {
  events: number | string;
}

/** How many events the rule finds. */
export function countQuery(hunt: Hunt, window: HuntWindow): TenantQueryParts {
  return { ...asking(hunt, window), select: ['count() AS events'] };
}
