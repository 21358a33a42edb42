// The questions a hunt asks of stored events: how many when, which ones, and whose they were.
import type { Hunt } from '@norn/rules';
import type { TenantQueryParts } from '@norn/store';
import { type HuntWindow, asking, capabilityColumns } from '../model/hunting/hunting.queries.ts';

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
