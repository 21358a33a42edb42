// The questions one alert asks of stored events. Uids travel as 32 hex and are compared as the 16 raw bytes they are stored as.
import type { TenantQueryParts } from '@norn/store';

/** Processes shown of one alert; the rest is counted. */
export const processesMax = 2000;
/** Rows read for them: a process has one row an image. */
export const imageRowsMax = 6000;
/** Quiet processes of the same container that are shown beside the attack's own. */
const relativesMax = 100;
/** Of a container that has run for weeks, what started longer before the attack is shown only where it leads to it. */
const relativesBeforeUs = 24 * 3_600_000_000;
/** Files of the first view. */
export const filesMax = 1000;
export const connectionsMax = 500;

export interface AttackWindow {
  readonly hostId: string;
  /** 32 hex: origins of the alert's processes. */
  readonly lineages: readonly string[];
  /** 32 hex: roots of what is blamed. */
  readonly scopes: readonly string[];
  /** 32 hex: processes that findings name. */
  readonly named: readonly string[];
  /** Empty for the host. */
  readonly containerId: string;
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
  seenUs: number | string;
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
  'toUnixTimestamp64Micro(start_time) AS startUs, toUnixTimestamp64Micro(image_time) AS imageUs, toUnixTimestamp64Micro(seen_time) AS seenUs',
];

export interface MemberRow {
  uid: string;
  ancestors: string[];
}

const minimum = 'lower(hex(process_uid)) AS uid, arrayMap(a -> lower(hex(a)), any(ancestor_uids)) AS ancestors';

/** What a scope started, and the scopes: those that the findings name first, then the oldest. */
const isBlamed = `has(${uids('scopes')}, process_uid) OR has(${uids('named')}, process_uid) OR hasAny(ancestor_uids, ${uids('scopes')})`;

const blamedWhere = ['host_id = {host:String}', 'start_time <= fromUnixTimestamp64Micro({to:Int64})', isBlamed];

function blamedParams({
  hostId,
  scopes,
  named,
  fromUs,
  toUs,
}: AttackWindow): NonNullable<TenantQueryParts['parameters']> {
  return { host: hostId, scopes, named, from: fromUs, to: toUs };
}

/** The attack's own processes: one row a process, and of it no more than its place in the tree. */
export function blamedQuery(window: AttackWindow): TenantQueryParts {
  return {
    select: [minimum],
    from: 'processes',
    where: blamedWhere,
    parameters: blamedParams(window),
    groupBy: ['process_uid'],
    orderBy: [
      `has(${uids('named')}, process_uid) OR has(${uids('scopes')}, process_uid) DESC`,
      // Of a scope that ran for long, what it did before the attack comes last.
      'min(start_time) >= fromUnixTimestamp64Micro({from:Int64}) DESC, min(start_time), process_uid',
    ],
    limit: processesMax,
    long: true,
  };
}

/** Of the attack's own processes that have no end, at most so many are shown before all others. */
const openMax = 500;

/** Those that are not known to have ended, the newest first: they may run yet, however many came before them. */
export function openQuery(window: AttackWindow): TenantQueryParts {
  const own = blamedWhere.map((condition) => `(${condition})`).join(' AND ');
  const ofTenant = 'tenant_id = {tenantId:String}';
  const ended = `SELECT process_uid FROM process_ends WHERE ${ofTenant} AND host_id = {host:String} AND process_uid IN (SELECT process_uid FROM processes WHERE ${ofTenant} AND ${own})`;
  return {
    select: [minimum],
    from: 'processes',
    where: [...blamedWhere, `process_uid NOT IN (${ended})`],
    parameters: blamedParams(window),
    groupBy: ['process_uid'],
    orderBy: ['min(start_time) DESC', 'process_uid'],
    limit: openMax,
    long: true,
  };
}

/** How many there are, also beyond those that are shown. */
export function blamedCountQuery(window: AttackWindow): TenantQueryParts {
  return {
    select: ['uniqExact(process_uid) AS processes'],
    from: 'processes',
    where: blamedWhere,
    parameters: blamedParams(window),
    long: true,
  };
}

/** Others of the container that it happened in, the newest before its end. On a host, a lineage may be somebody's whole session: none. */
export function relativesQuery(window: AttackWindow): TenantQueryParts {
  return {
    select: [minimum],
    from: 'processes',
    where: [
      'host_id = {host:String}',
      'container_id = {container:String}',
      `has(${uids('lineages')}, lineage_uid)`,
      'start_time <= fromUnixTimestamp64Micro({to:Int64})',
      `start_time >= fromUnixTimestamp64Micro({from:Int64} - ${relativesBeforeUs})`,
      `NOT (${isBlamed})`,
    ],
    parameters: {
      ...blamedParams(window),
      lineages: window.lineages,
      container: window.containerId,
    },
    groupBy: ['process_uid'],
    orderBy: ['min(start_time) DESC', 'process_uid'],
    limit: relativesMax,
    long: true,
  };
}

/** `process_uid IN (…)` of a parameter of uids: as a set it meets the primary key and the index of uids. */
const isOf = (name: string): string => `process_uid IN (SELECT arrayJoin(${uids(name)}))`;

/** All that is known of these processes: one row an image. */
export function processesQuery(hostId: string, of: readonly string[]): TenantQueryParts {
  return {
    select: processColumns,
    from: 'processes',
    final: true,
    where: ['host_id = {host:String}', isOf('uids')],
    parameters: { host: hostId, uids: of },
    orderBy: ['start_time', 'process_uid', 'image_number'],
    limit: imageRowsMax,
    long: true,
  };
}

export interface ActivityRow {
  uid: string;
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

type Of = Pick<AttackWindow, 'hostId' | 'fromUs' | 'toUs'>;

function eventParams({ hostId, fromUs, toUs }: Of, of: readonly string[]): NonNullable<TenantQueryParts['parameters']> {
  return { host: hostId, from: fromUs, to: toUs, uids: of };
}

/** What each process did: files it touched, connections. */
export function activityQuery(window: Of, of: readonly string[]): TenantQueryParts {
  return {
    select: [
      'lower(hex(process_uid)) AS uid',
      'uniqExactIf(path, kind BETWEEN 10 AND 17) AS files',
      'minIf(toUnixTimestamp64Micro(time), kind BETWEEN 10 AND 17) AS filesFromUs',
      'maxIf(toUnixTimestamp64Micro(time), kind BETWEEN 10 AND 17) AS filesToUs',
      'countIf(kind = 13) AS unlinked, countIf(kind = 11) AS renamed, countIf(kind IN (20, 21)) AS connections',
    ],
    from: 'events',
    where: [...inWindow, isOf('uids')],
    parameters: eventParams(window, of),
    groupBy: ['process_uid'],
    limit: processesMax * 2,
    long: true,
  };
}

export interface EndRow {
  uid: string;
  endUs: number | string;
  exitResult: number;
  /** It was not seen to end, but found to have. */
  found: number;
}

/** How these processes ended, whenever that was. */
export function endsQuery(hostId: string, of: readonly string[]): TenantQueryParts {
  return {
    select: [
      'lower(hex(process_uid)) AS uid, toUnixTimestamp64Micro(max(ended_at)) AS endUs',
      'argMax(result, ended_at) AS exitResult, min(found) AS found',
    ],
    from: 'process_ends',
    where: ['host_id = {host:String}', isOf('uids')],
    parameters: { host: hostId, uids: of },
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

export function connectionsQuery(window: Of, of: readonly string[]): TenantQueryParts {
  return {
    select: [
      'toUnixTimestamp64Micro(time) AS us, lower(hex(process_uid)) AS uid, kind, path AS address, value, pid',
      'container_id AS containerId, image_path AS imagePath',
    ],
    from: 'events',
    where: [...inWindow, isOf('uids'), 'kind IN (20, 21, 22, 36)'],
    parameters: eventParams(window, of),
    orderBy: ['time'],
    limit: connectionsMax + 1,
    long: true,
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
export function changedFilesQuery(window: Of, of: readonly string[]): TenantQueryParts {
  return {
    select: [
      'path, any(container_id) AS containerId, lower(hex(argMax(process_uid, time))) AS uid, argMax(pid, time) AS lastPid',
      'argMax(image_path, time) AS imagePath, toUnixTimestamp64Micro(max(time)) AS us',
      'countIf(kind = 13) AS unlinked, countIf(kind = 11) AS renamed, countIf(kind = 10 AND bitAnd(flags, 64) != 0) AS created',
    ],
    from: 'events',
    where: [
      ...inWindow,
      isOf('uids'),
      "kind BETWEEN 10 AND 16 AND path != '' AND NOT startsWith(path, '/dev/') AND NOT startsWith(path, '/proc/')",
    ],
    parameters: eventParams(window, of),
    groupBy: ['path'],
    orderBy: ['us'],
    limit: filesMax + 1,
    long: true,
  };
}

/** Events lost on the host while the attack ran. */
export function lossQuery(window: Of): TenantQueryParts {
  return {
    select: ['sum(value) AS lost'],
    from: 'events',
    where: [...inWindow, 'kind = 40'],
    parameters: eventParams(window, []),
    long: true,
  };
}

export interface SightingRow {
  uid: string;
  seenUs: number | string;
}

/** When an agent that started found these processes running. */
export function sightingsQuery(hostId: string, of: readonly string[]): TenantQueryParts {
  return {
    select: ['lower(hex(process_uid)) AS uid, toUnixTimestamp64Micro(max(seen_at)) AS seenUs'],
    from: 'process_sightings',
    where: ['host_id = {host:String}', isOf('uids')],
    parameters: { host: hostId, uids: of },
    groupBy: ['process_uid'],
    limit: processesMax * 2,
  };
}

/** When the host's agent started last and listed what ran. */
export function agentStartQuery(hostId: string): TenantQueryParts {
  return {
    select: ['toUnixTimestamp64Micro(min(started_at)) AS startedUs'],
    from: 'agent_starts',
    where: ['host_id = {host:String}'],
    parameters: { host: hostId },
    groupBy: ['stream_id'],
    orderBy: ['startedUs DESC'],
    limit: 1,
  };
}

export interface MarksRow {
  listedUs: number | string;
  lostUs: number | string;
}

/** When the host's agent last told of all that ran, and when something that it told was last lost on its way; 0: never. */
export function marksQuery(hostId: string): TenantQueryParts {
  return {
    select: [
      'toUnixTimestamp64Micro(maxIf(time, mark = 1)) AS listedUs',
      'toUnixTimestamp64Micro(maxIf(time, mark = 2)) AS lostUs',
    ],
    from: 'lifecycle_marks',
    where: ['host_id = {host:String}'],
    parameters: { host: hostId },
  };
}

/** How far stored events of the host go. */
export function newestEventQuery(hostId: string): TenantQueryParts {
  return {
    select: ['toUnixTimestamp64Micro(max(stored_at)) AS storedUs'],
    from: 'host_progress',
    where: ['host_id = {host:String}'],
    parameters: { host: hostId },
  };
}
