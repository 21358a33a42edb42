// Stores a built attack in the real databases, as storage and remediation would. For tests.
import { type MessageInitShape, create, toBinary } from '@bufbuild/protobuf';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { ClickHouseClient } from '@clickhouse/client';
import { fromHex } from '@norn/base';
import { finding, nobodyId } from '@norn/contracts';
import { AlertHandling, type AlertState } from '@norn/store';
import type { DataSource } from 'typeorm';
import { type AttackBuilder, type BuiltContainer, type BuiltProcess, ancestorsOf, idOf } from './attack-builder.ts';

export interface Home {
  readonly tenantId: string;
  readonly hostId: string;
}

export interface AlertFacts {
  readonly title: string;
  readonly summary: string;
  readonly severity: finding.Severity;
  readonly state: AlertState;
  readonly scope: BuiltProcess;
  readonly origin: BuiltProcess;
  readonly findings: readonly FindingFacts[];
  readonly firstActUs: number;
  readonly stoppedUs?: number;
  readonly killed?: readonly BuiltProcess[];
  readonly atUs: number;
}

export interface FindingFacts {
  readonly process: BuiltProcess;
  readonly rule: string;
  readonly title: string;
  readonly summary: string;
  readonly techniques: readonly string[];
  readonly severity: finding.Severity;
  readonly reflex: boolean;
  readonly us: number;
  readonly evidence: Readonly<Record<string, string>>;
}

export interface Databases {
  readonly control: DataSource;
  readonly events: ClickHouseClient;
}

/** Returns the alert's id. */
export async function storeAlert(
  { control, events }: Databases,
  home: Home,
  attack: AttackBuilder,
  facts: AlertFacts,
): Promise<string> {
  const id = idOf(`${home.tenantId} ${attack.name} alert`);
  const { scope, origin, killed = [] } = facts;
  const alert = create(finding.AlertSchema, {
    id,
    ...home,
    version: 3,
    severity: facts.severity,
    title: facts.title,
    summary: facts.summary,
    createdAtUs: BigInt(facts.atUs),
    updatedAtUs: BigInt(facts.atUs),
    containerId: scope.container?.id ?? '',
    containerName: scope.container?.name ?? '',
    containerImage: scope.container?.image ?? '',
    scopeUid: fromHex(scope.uid),
    lineageUid: fromHex(origin.uid),
    techniques: [...new Set(facts.findings.flatMap(({ techniques }) => techniques))],
    findings: facts.findings.map((one, index) => findingOf(one, index, facts, home)),
    findingsTotal: facts.findings.length,
    processName: facts.findings[0]?.process.images.at(-1)?.path ?? '',
  });
  const verdicts = (verdict: string): number => attack.files.filter((file) => file.verdict === verdict).length;
  await control.manager.save(AlertHandling, {
    id,
    ...home,
    version: 3,
    severity: facts.severity,
    state: facts.state,
    containerId: alert.containerId,
    filesRestored: verdicts('restored'),
    filesRemoved: verdicts('removed'),
    filesUnchanged: verdicts('unchanged'),
    filesLost: verdicts('lost'),
    filesConflict: verdicts('conflict'),
    killedPids: killed.map(({ pid }) => pid),
    body: Buffer.from(toBinary(finding.AlertSchema, alert)),
    createdAt: new Date(facts.atUs / 1000),
    updatedAt: new Date(facts.atUs / 1000),
  });
  await insert(events, 'alerts', alertColumns, [alertRow(alert, facts)]);
  await storeFindings({ events }, alert.findings, id);
  return id;
}

/** Of an alert, or of none yet. */
export async function storeFindings(
  { events }: Pick<Databases, 'events'>,
  findings: readonly finding.Finding[],
  alertId = '',
): Promise<void> {
  await insert(
    events,
    'findings',
    findingColumns,
    findings.map((one) => findingRow(one, alertId)),
  );
}

const alertColumns = (): Columns => ({
  input: `tenant_id String, host_id String, id String, version UInt32, severity UInt8, title String, summary String, created_at Int64,
    updated_at Int64, container_id String, scope_uid String, lineage_uid String, techniques Array(String), findings_total UInt32`,
  select: `tenant_id, host_id, id, version, severity, title, summary, ${time('created_at')}, ${time('updated_at')}, container_id,
    ${fixed('scope_uid')}, ${fixed('lineage_uid')}, techniques, findings_total`,
});

function alertRow(alert: finding.Alert, { scope, origin }: AlertFacts): object {
  return {
    tenant_id: alert.tenantId,
    host_id: alert.hostId,
    id: alert.id,
    version: alert.version,
    severity: alert.severity,
    title: alert.title,
    summary: alert.summary,
    created_at: Number(alert.createdAtUs),
    updated_at: Number(alert.updatedAtUs),
    container_id: alert.containerId,
    scope_uid: scope.uid,
    lineage_uid: origin.uid,
    techniques: alert.techniques,
    findings_total: alert.findingsTotal,
  };
}

const findingColumns = (): Columns => ({
  input: `tenant_id String, host_id String, id String, alert_id String, rule_id String, excepted_by String, source String, severity UInt8, techniques Array(String), time Int64,
    process_uid String, lineage_uid String, container_id String, body String`,
  select: `tenant_id, host_id, id, alert_id, rule_id, excepted_by, source, severity, techniques, ${time('time')}, ${fixed('process_uid')},
    ${fixed('lineage_uid')}, container_id, unhex(body) AS body`,
});

function findingRow(one: finding.Finding, alertId: string): object {
  return {
    tenant_id: one.tenantId,
    host_id: one.hostId,
    source: one.source === finding.FindingSource.REFLEX ? 'reflex' : 'rule',
    id: one.id,
    alert_id: alertId,
    rule_id: one.ruleId,
    excepted_by: one.exceptedBy,
    severity: one.severity,
    techniques: one.techniques,
    time: Number(one.timeUs),
    process_uid: Buffer.from(one.processUid).toString('hex'),
    lineage_uid: Buffer.from(one.lineageUid).toString('hex'),
    container_id: one.containerId,
    body: Buffer.from(toBinary(finding.FindingSchema, one)).toString('hex'),
  };
}

function findingOf(one: FindingFacts, index: number, facts: AlertFacts, home: Home): finding.Finding {
  const stopped = one.reflex && facts.stoppedUs !== undefined;
  return create(finding.FindingSchema, {
    id: idOf(`${one.process.uid} ${one.rule}`),
    ruleId: one.rule,
    ruleVersion: 1 + index,
    title: one.title,
    summary: one.summary,
    source: one.reflex ? finding.FindingSource.REFLEX : finding.FindingSource.RULE,
    severity: one.severity,
    techniques: [...one.techniques],
    timeUs: BigInt(one.us),
    processUid: fromHex(one.process.uid),
    scopeUid: fromHex(facts.scope.uid),
    lineageUid: fromHex(facts.origin.uid),
    containerId: one.process.container?.id ?? '',
    process: processOf(one.process),
    evidence: Object.entries(one.evidence).map(([field, value]) => ({ field, value })),
    response: {
      rung: stopped ? finding.ResponseRung.KILLED : finding.ResponseRung.OBSERVED,
      pids: stopped ? (facts.killed ?? []).map(({ pid }) => pid) : [],
      firstActUs: BigInt(facts.firstActUs),
      stoppedUs: BigInt(stopped ? (facts.stoppedUs ?? 0) : 0),
      filesChanged: Number(one.evidence['file.changed'] ?? 0),
    },
    pid: one.process.pid,
    ancestorPids: ancestorsOf(one.process).map(({ pid }) => pid),
    ...home,
  });
}

function processOf({ images, parent, container }: BuiltProcess): MessageInitShape<typeof finding.FoundProcessSchema> {
  const { path = '', commandLine = '' } = images.at(-1) ?? {};
  return {
    imagePath: path,
    imageSha256: idOf(path, 64),
    commandLine,
    parentImagePath: parent?.images.at(-1)?.path ?? '',
    containerImage: container?.image ?? '',
    package: packageOf(path),
  };
}

/** Of the programs that attacks are built of, one is known to be a package's. */
function packageOf(path: string): string {
  return path === '/usr/bin/curl' ? 'curl' : '';
}

/** Processes, events and verdicts. */
export async function storeTelemetry(
  { events }: Databases,
  home: Home,
  attack: AttackBuilder,
  origin: BuiltProcess,
): Promise<void> {
  const inside = (process: BuiltProcess): boolean => process === origin || ancestorsOf(process).includes(origin);
  const lineageOf = (process: BuiltProcess): string => (inside(process) ? origin.uid : process.uid);
  await insert(
    events,
    'processes',
    processColumns,
    attack.processes.flatMap((process) => processRows(process, home, lineageOf(process))),
  );
  await insert(events, 'events', eventColumns, eventRows(attack, home, lineageOf));
  await insert(events, 'outcome_files', fileColumns, fileRows(attack, home));
}

const fixed = (name: string, bytes = 16): string => `toFixedString(unhex(${name}), ${bytes}) AS ${name}`;
const time = (name: string): string => `fromUnixTimestamp64Micro(${name}) AS ${name}`;

interface Columns {
  readonly input: string;
  readonly select: string;
}

const processColumns = (): Columns => ({
  input: `tenant_id String, host_id String, process_uid String, image_number UInt32, parent_uid String, lineage_uid String,
    ancestor_uids Array(String), pid UInt32, namespace_pid UInt32, parent_pid UInt32, container_id String, container_name String,
    container_image String, user_id UInt32, user_name String, group_id UInt32, image_path String, command_line String,
    image_sha256 String, image_flags UInt32, working_directory String, terminal String, login_user_id UInt32, login_user_name String, session_id UInt32,
    capabilities_effective UInt64, capabilities_permitted UInt64, package String, package_version String, start_time Int64, image_time Int64, seen_time Int64`,
  select: `tenant_id, host_id, ${fixed('process_uid')}, image_number, ${fixed('parent_uid')}, ${fixed('lineage_uid')},
    arrayMap(a -> toFixedString(unhex(a), 16), ancestor_uids) AS ancestor_uids, pid, namespace_pid, parent_pid, container_id, container_name,
    container_image, user_id, user_name, group_id, image_path, command_line, ${fixed('image_sha256', 32)}, image_flags,
    working_directory, terminal, login_user_id, login_user_name, session_id, capabilities_effective, capabilities_permitted, package, package_version,
    ${time('start_time')}, ${time('image_time')}, ${time('seen_time')}`,
});

function processRows(process: BuiltProcess, home: Home, lineage: string): object[] {
  return process.images.map((image, index) => ({
    tenant_id: home.tenantId,
    host_id: home.hostId,
    process_uid: process.uid,
    image_number: index + 1,
    parent_uid: process.parent?.uid ?? '0'.repeat(32),
    lineage_uid: lineage,
    ancestor_uids: ancestorsOf(process).map(({ uid }) => uid),
    pid: process.pid,
    namespace_pid: process.namespacePid,
    parent_pid: process.parent?.pid ?? 0,
    container_id: process.container?.id ?? '',
    container_name: process.container?.name ?? '',
    container_image: process.container?.image ?? '',
    user_id: process.userId,
    user_name: process.userName,
    group_id: process.userId,
    image_path: image.path,
    command_line: image.commandLine,
    image_sha256: idOf(image.path, 64),
    image_flags: image.flags ?? 0,
    working_directory: '/',
    ...credentialsOf(process),
    package: packageOf(image.path),
    package_version: packageOf(image.path) === '' ? '' : '8.14.1-2',
    start_time: process.startUs,
    image_time: process.startUs + index * 900,
    seen_time: process.startUs + index * 900,
  }));
}

/** Outside of containers somebody is logged in. */
function credentialsOf({ container }: BuiltProcess): object {
  const login = { terminal: 'pts3', login_user_id: 1000, login_user_name: 'anna', session_id: 7 };
  const none = { terminal: '', login_user_id: nobodyId, login_user_name: '', session_id: nobodyId };
  // cap_chown, and of those permitted cap_setuid, too.
  return { ...(container ? none : login), capabilities_effective: 1, capabilities_permitted: 1 | (1 << 7) };
}

const eventColumns = (): Columns => ({
  input: `tenant_id String, host_id String, time Int64, kind UInt8, stream_id String, batch_seq UInt64, row UInt16, process_uid String,
    lineage_uid String, pid UInt32, container_id String, image_path String, path String, target String, flags UInt32, value UInt64, result Int32`,
  select: `tenant_id, host_id, ${time('time')}, kind, ${fixed('stream_id')}, batch_seq, row, ${fixed('process_uid')}, ${fixed('lineage_uid')},
    pid, container_id, image_path, path, target, flags, value, result`,
});

function eventRows(attack: AttackBuilder, home: Home, lineageOf: (process: BuiltProcess) => string): object[] {
  return attack.events.map((event, index) => ({
    tenant_id: home.tenantId,
    host_id: home.hostId,
    time: event.us,
    kind: event.kind,
    stream_id: idOf(`${attack.name} stream`),
    batch_seq: 1 + Math.floor(index / 400),
    row: index % 400,
    process_uid: event.process.uid,
    lineage_uid: lineageOf(event.process),
    pid: event.process.pid,
    container_id: event.process.container?.id ?? '',
    image_path: event.process.images.at(-1)?.path ?? '',
    path: event.path,
    target: event.target ?? '',
    flags: event.flags ?? 0,
    value: event.value ?? 0,
    result: event.result ?? 0,
  }));
}

const fileColumns = (): Columns => ({
  input: `tenant_id String, host_id String, alert_id String, command_id String, path String, container_id String, verdict String, reason String,
    change String, size UInt64, sha256_before String, sha256_after String, mode UInt32, user_id UInt32, group_id UInt32,
    modified_at Int64, changed_at Int64, process_uid String, finished_at Int64`,
  select: `tenant_id, host_id, alert_id, command_id, path, container_id, verdict, reason, change, size, sha256_before, sha256_after, mode,
    user_id, group_id, ${time('modified_at')}, ${time('changed_at')}, ${fixed('process_uid')}, ${time('finished_at')}`,
});

function fileRows(attack: AttackBuilder, home: Home): object[] {
  return attack.files.map((file) => ({
    tenant_id: home.tenantId,
    host_id: home.hostId,
    alert_id: idOf(`${home.tenantId} ${attack.name} alert`),
    command_id: idOf(`${attack.name} restore`),
    path: file.path,
    container_id: file.process.container?.id ?? '',
    verdict: file.verdict,
    reason: file.reason ?? '',
    change: file.change,
    size: file.size,
    sha256_before: file.verdict === 'removed' ? '' : idOf(`${file.path} before`, 64),
    sha256_after: idOf(`${file.path} after`, 64),
    mode: 0o100640,
    user_id: 33,
    group_id: 33,
    modified_at: file.us - 86_400_000_000 * 3,
    changed_at: file.us,
    process_uid: file.process.uid,
    finished_at: file.us + 900_000,
  }));
}

async function insert(
  client: ClickHouseClient,
  table: string,
  columns: () => Columns,
  rows: readonly object[],
): Promise<void> {
  const { input, select } = columns();
  if (rows.length === 0) return;
  const names = input
    .split(/,(?![^(]*\))/)
    .map((column) => column.trim().split(/\s/)[0])
    .join(', ');
  const { stream } = await client.exec({
    query: `INSERT INTO ${table} (${names}) SELECT ${select} FROM input('${input.replace(/\s+/g, ' ')}') FORMAT JSONEachRow`,
    values: Readable.from(
      rows.map((row) => `${JSON.stringify(row)}\n`),
      { objectMode: false },
    ),
  });
  await finished(stream.resume());
}

export function storeContainer(
  databases: Databases,
  home: Home,
  container: BuiltContainer,
  startUs: number,
): Promise<void> {
  return storeContainerOf(databases, home, container, { startUs, endUs: 0 });
}

/** One that has ended, too. */
export async function storeContainerOf(
  { events }: Databases,
  home: Home,
  container: BuiltContainer,
  { startUs, endUs }: { startUs: number; endUs: number },
): Promise<void> {
  const columns = (): Columns => ({
    input: `tenant_id String, host_id String, container_id String, name String, image String, image_id String, runtime String, image_digest String, pod_name String, pod_namespace String, pod_uid String, pod_labels Array(String), pod_owner String, service_account String, started_at Int64, ended_at Int64, observed_at Int64`,
    select: `tenant_id, host_id, container_id, name, image, image_id, runtime, image_digest, pod_name, pod_namespace, pod_uid, pod_labels, pod_owner, service_account, ${time('started_at')}, ${time('ended_at')}, ${time('observed_at')}`,
  });
  const row = {
    tenant_id: home.tenantId,
    host_id: home.hostId,
    container_id: container.id,
    name: container.name,
    image: container.image,
    image_id: `sha256:${idOf(container.image, 64)}`,
    runtime: 'containerd',
    image_digest: `${container.image}@sha256:${idOf(container.image, 64)}`,
    pod_name: `${container.name}-x2k4q`,
    pod_namespace: 'shop',
    pod_uid: idOf(container.name, 32),
    pod_labels: ['app=web', 'tier=front'],
    pod_owner: `Deployment/${container.name}`,
    service_account: 'till',
    started_at: startUs,
    ended_at: endUs,
    observed_at: Math.max(startUs, endUs),
  };
  await insert(events, 'containers', columns, [row]);
}
