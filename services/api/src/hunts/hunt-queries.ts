// The questions a hunt asks of stored events: how many when, which ones, and whose they were.
import { capabilitySets } from '@norn/contracts';
import { processTable, type Hunt } from '@norn/rules';
import type { TenantQueryParts } from '@norn/store';
import type { HuntWindow } from './hunt-request.ts';

const capabilityColumns = capabilitySets.map((set) => `capabilities_${set}`);

const within = 'time >= fromUnixTimestamp64Micro({since:Int64}) AND time < fromUnixTimestamp64Micro({until:Int64})';

/** What both questions have in common: the rule's condition, and the processes it speaks of. */
function asking(hunt: Hunt, { sinceUs, untilUs }: HuntWindow): Omit<TenantQueryParts, 'select'> {
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

export interface BucketRow {
  bucket: number;
  events: number | string;
}

/** How many events the rule finds in each stretch of `seconds`; empty ones are left out. */
export function histogramQuery(hunt: Hunt, window: HuntWindow, seconds: number): TenantQueryParts {
  const asked = asking(hunt, window);
  return {
    ...asked,
    select: ['intDiv(toUnixTimestamp(time), {step:UInt32}) AS bucket, count() AS events'],
    parameters: { ...asked.parameters, step: seconds },
    groupBy: ['bucket'],
  };
}

export interface CountRow {
  events: number | string;
}

/** How many events the rule finds. */
export function countQuery(hunt: Hunt, window: HuntWindow): TenantQueryParts {
  return { ...asking(hunt, window), select: ['count() AS events'] };
}

export interface FoundRow {
  us: number | string;
  hostId: string;
  kind: number;
  uid: string;
  pid: number;
  containerId: string;
  imagePath: string;
  path: string;
  target: string;
  flags: number;
  value: number | string;
  lineage: string;
  result: number;
}

const foundColumns = [
  'toUnixTimestamp64Micro(time) AS us, host_id AS hostId, kind, lower(hex(process_uid)) AS uid, pid',
  'container_id AS containerId, image_path AS imagePath, path, target, flags, value, result',
  'lower(hex(lineage_uid)) AS lineage',
];

/** The newest events the rule finds. */
export function foundQuery(hunt: Hunt, window: HuntWindow, limit: number): TenantQueryParts {
  const orderBy = ['time DESC', 'host_id', 'stream_id', 'batch_seq DESC', 'row DESC'];
  return { ...asking(hunt, window), select: foundColumns, orderBy, limit };
}

/** The oldest events the rule finds. */
export function firstFoundQuery(hunt: Hunt, window: HuntWindow, limit: number): TenantQueryParts {
  const orderBy = ['time', 'host_id', 'stream_id', 'batch_seq', 'row'];
  return { ...asking(hunt, window), select: foundColumns, orderBy, limit };
}

export interface ImageRow {
  hostId: string;
  uid: string;
  imagePath: string;
  us: number | string;
  commandLine: string;
  parentPid: number;
  userId: number;
  groupId: number;
  terminal: string;
  loginUserId: number;
  sessionId: number;
  /** In the order of `capabilitySets`. */
  capabilities: (number | string)[];
  package: string;
  packageVersion: string;
  workingDirectory: string;
  environment: string;
  userName: string;
  ancestorImages: string[];
  parentCommandLine: string;
  imageFlags: number;
  sha256: string;
  containerName: string;
  containerImage: string;
  podNamespace: string;
  podLabels: string[];
  podOwner: string;
  parentUid: string;
}

const imagesMax = 20_000;

/** The images of those processes, oldest first. */
export function imagesQuery(uids: readonly string[]): TenantQueryParts {
  return {
    select: [
      'host_id AS hostId, lower(hex(process_uid)) AS uid, image_path AS imagePath, toUnixTimestamp64Micro(image_time) AS us',
      'command_line AS commandLine, working_directory AS workingDirectory, environment, user_name AS userName',
      'parent_pid AS parentPid, user_id AS userId, group_id AS groupId',
      'terminal, login_user_id AS loginUserId, session_id AS sessionId, package, package_version AS packageVersion',
      `[${capabilityColumns.join(', ')}] AS capabilities`,
      'ancestor_images AS ancestorImages, parent_command_line AS parentCommandLine, image_flags AS imageFlags',
      "if(image_sha256 = toFixedString('', 32), '', lower(hex(image_sha256))) AS sha256",
      'container_name AS containerName, container_image AS containerImage, pod_namespace AS podNamespace, pod_labels AS podLabels, pod_owner AS podOwner',
      'lower(hex(parent_uid)) AS parentUid',
    ],
    from: 'processes',
    final: true,
    where: ['has(arrayMap(u -> toFixedString(unhex(u), 16), {uids:Array(String)}), process_uid)'],
    parameters: { uids },
    orderBy: ['image_time', 'image_number'],
    limit: imagesMax,
    long: true,
  };
}
