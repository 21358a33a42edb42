// The questions one alert asks of stored events. Uids travel as 32 hex and are compared as the 16 raw bytes they are stored as.
import type { TenantQueryParts } from '@norn/store';

/** Processes shown of one alert; the rest is counted. */
export const processesMax = 2000;
/** Rows read for them: a process has one row an image. */
const imageRowsMax = 6000;
/** A lineage may have run for weeks; what started longer before the attack is shown only where it leads to it. */
const lineageBeforeUs = 24 * 3_600_000_000;
export const filesMax = 5000;
export const connectionsMax = 500;

export interface AttackWindow {
  readonly hostId: string;
  /** 32 hex: origins of the alert's processes. */
  readonly lineages: readonly string[];
  /** 32 hex: what is blamed. */
  readonly scopes: readonly string[];
  /** Unix µs. */
  readonly fromUs: number;
  readonly toUs: number;
}

export interface ProcessRow {
  uid: string;
  imageNumber: number;
  parentUid: string;
  lineageUid: string;
  ancestors: string[];
  pid: number;
  namespacePid: number;
  parentPid: number;
  containerId: string;
  containerName: string;
  containerImage: string;
  userId: number;
  userName: string;
  groupId: number;
  terminal: string;
  loginUserId: number;
  loginUserName: string;
  sessionId: number;
  capabilitiesEffective: number | string;
  capabilitiesPermitted: number | string;
  package: string;
  packageVersion: string;
  imagePath: string;
  commandLine: string;
  sha256: string;
  imageFlags: number;
  workingDirectory: string;
  environment: string;
  startUs: number | string;
  imageUs: number | string;
}

const uids = (name: string): string => `arrayMap(u -> toFixedString(unhex(u), 16), {${name}:Array(String)})`;

const processColumns = [
  'lower(hex(process_uid)) AS uid',
  'image_number AS imageNumber',
  'lower(hex(parent_uid)) AS parentUid',
  'lower(hex(lineage_uid)) AS lineageUid',
  'arrayMap(a -> lower(hex(a)), ancestor_uids) AS ancestors',
  'pid, namespace_pid AS namespacePid, parent_pid AS parentPid',
  'container_id AS containerId, container_name AS containerName, container_image AS containerImage',
  'user_id AS userId, user_name AS userName, group_id AS groupId',
  'terminal, login_user_id AS loginUserId, login_user_name AS loginUserName, session_id AS sessionId, package, package_version AS packageVersion',
  'capabilities_effective AS capabilitiesEffective, capabilities_permitted AS capabilitiesPermitted',
  'image_path AS imagePath, command_line AS commandLine, lower(hex(image_sha256)) AS sha256, image_flags AS imageFlags',
  'working_directory AS workingDirectory, environment',
  'toUnixTimestamp64Micro(start_time) AS startUs, toUnixTimestamp64Micro(image_time) AS imageUs',
];

/** Processes of the attack's lineages, what is blamed first; older ones that lead to it come by `ancestorsQuery`. */
export function lineageQuery({ hostId, lineages, scopes, fromUs, toUs }: AttackWindow): TenantQueryParts {
  const blamed = `has(${uids('scopes')}, process_uid) OR hasAny(ancestor_uids, ${uids('scopes')})`;
  const related = `has(${uids('lineages')}, lineage_uid) OR hasAny(ancestor_uids, ${uids('lineages')})`;
  const named = `has(${uids('scopes')}, process_uid) OR has(${uids('lineages')}, process_uid)`;
  const since = `start_time >= fromUnixTimestamp64Micro({from:Int64} - ${lineageBeforeUs})`;
  return {
    select: processColumns,
    from: 'processes',
    final: true,
    where: [
      'host_id = {host:String}',
      'start_time <= fromUnixTimestamp64Micro({to:Int64})',
      `(${named}) OR (${since} AND (${blamed} OR ${related}))`,
    ],
    parameters: { host: hostId, lineages, scopes, from: fromUs, to: toUs },
    orderBy: [`(${blamed}) DESC`, 'start_time', 'process_uid', 'image_number'],
    limit: imageRowsMax,
  };
}

/** Processes by uid: the ancestors above the origin. */
export function ancestorsQuery(hostId: string, ancestors: readonly string[]): TenantQueryParts {
  return {
    select: processColumns,
    from: 'processes',
    final: true,
    where: ['host_id = {host:String}', `has(${uids('uids')}, process_uid)`],
    parameters: { host: hostId, uids: ancestors },
    orderBy: ['start_time', 'image_number'],
    limit: 200,
  };
}

export interface ActivityRow {
  uid: string;
  endUs: number | string;
  exitResult: number;
  files: number | string;
  filesFromUs: number | string;
  filesToUs: number | string;
  unlinked: number | string;
  renamed: number | string;
  connections: number | string;
}

const inWindow = [
  'host_id = {host:String}',
  'time BETWEEN fromUnixTimestamp64Micro({from:Int64}) AND fromUnixTimestamp64Micro({to:Int64})',
];
const ofLineages = [...inWindow, `has(${uids('lineages')}, lineage_uid) OR has(${uids('scopes')}, process_uid)`];

function windowParams({
  hostId,
  lineages,
  scopes,
  fromUs,
  toUs,
}: AttackWindow): NonNullable<TenantQueryParts['parameters']> {
  return { host: hostId, lineages, scopes, from: fromUs, to: toUs };
}

/** What each process did: its end, files it touched, connections. */
export function activityQuery(window: AttackWindow): TenantQueryParts {
  return {
    select: [
      'lower(hex(process_uid)) AS uid',
      'maxIf(toUnixTimestamp64Micro(time), kind = 3) AS endUs, anyIf(result, kind = 3) AS exitResult',
      'uniqExactIf(path, kind BETWEEN 10 AND 17) AS files',
      'minIf(toUnixTimestamp64Micro(time), kind BETWEEN 10 AND 17) AS filesFromUs',
      'maxIf(toUnixTimestamp64Micro(time), kind BETWEEN 10 AND 17) AS filesToUs',
      'countIf(kind = 13) AS unlinked, countIf(kind = 11) AS renamed, countIf(kind IN (20, 21)) AS connections',
    ],
    from: 'events',
    where: ofLineages,
    parameters: windowParams(window),
    groupBy: ['process_uid'],
    limit: processesMax * 2,
  };
}

export interface ConnectionRow {
  us: number | string;
  uid: string;
  kind: number;
  address: string;
  value: string | number;
  pid: number;
  containerId: string;
  imagePath: string;
}

export function connectionsQuery(window: AttackWindow): TenantQueryParts {
  return {
    select: [
      'toUnixTimestamp64Micro(time) AS us, lower(hex(process_uid)) AS uid, kind, path AS address, value, pid',
      'container_id AS containerId, image_path AS imagePath',
    ],
    from: 'events',
    where: [...ofLineages, 'kind IN (20, 21, 22, 36)'],
    parameters: windowParams(window),
    orderBy: ['time'],
    limit: connectionsMax,
  };
}

export interface ChangedRow {
  path: string;
  containerId: string;
  uid: string;
  lastPid: number;
  imagePath: string;
  us: number | string;
  unlinked: number | string;
  renamed: number | string;
  created: number | string;
}

/** Files that blamed processes changed, for as long as no response has decided about them. */
export function changedFilesQuery(window: AttackWindow, blamed: readonly string[]): TenantQueryParts {
  return {
    select: [
      'path, any(container_id) AS containerId, lower(hex(argMax(process_uid, time))) AS uid, argMax(pid, time) AS lastPid',
      'argMax(image_path, time) AS imagePath, toUnixTimestamp64Micro(max(time)) AS us',
      'countIf(kind = 13) AS unlinked, countIf(kind = 11) AS renamed, countIf(kind = 10 AND bitAnd(flags, 64) != 0) AS created',
    ],
    from: 'events',
    where: [
      ...inWindow,
      `has(${uids('blamed')}, process_uid)`,
      "kind BETWEEN 10 AND 16 AND path != '' AND NOT startsWith(path, '/dev/') AND NOT startsWith(path, '/proc/')",
    ],
    parameters: { ...windowParams(window), blamed },
    groupBy: ['path'],
    orderBy: ['us'],
    limit: filesMax + 1,
  };
}

/** Events lost on the host while the attack ran. */
export function lossQuery(window: AttackWindow): TenantQueryParts {
  return {
    select: ['sum(value) AS lost'],
    from: 'events',
    where: [...inWindow, 'kind = 40'],
    parameters: windowParams(window),
  };
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
export function filesQuery(alertId: string, undone: readonly string[]): TenantQueryParts {
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
  };
}

export interface ContainerRow {
  containerId: string;
  hostId: string;
  name: string;
  image: string;
  imageId: string;
  runtime: string;
  podName: string;
  podNamespace: string;
  imageDigest: string;
  podUid: string;
  /** "app=web". */
  podLabels: string[];
  podOwner: string;
  serviceAccount: string;
  startedUs: number | string;
  endedUs: number | string;
}

export const containerColumns = [
  'container_id AS containerId, host_id AS hostId, name, image, image_id AS imageId, runtime',
  'pod_name AS podName, pod_namespace AS podNamespace, image_digest AS imageDigest, pod_uid AS podUid',
  'pod_labels AS podLabels, pod_owner AS podOwner, service_account AS serviceAccount',
  'toUnixTimestamp64Micro(started_at) AS startedUs, toUnixTimestamp64Micro(ended_at) AS endedUs',
];

/** What the runtime said last of containers. */
export function containersByIdQuery(containerIds: readonly string[]): TenantQueryParts {
  return {
    select: containerColumns,
    from: 'containers',
    final: true,
    where: ['has({ids:Array(String)}, container_id)'],
    parameters: { ids: containerIds },
    limit: 500,
  };
}
