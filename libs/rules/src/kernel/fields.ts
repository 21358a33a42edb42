// The table of fields: Sigma's name, OCSF's path, the batch's columns and OpenTelemetry's attribute of each fact.
// A field of a dictionary is judged once for each entry, not for each row.
import { event, sensitiveFileNames } from '@norn/contracts';
import type { RuleBatch } from './batch.ts';
import {
  at,
  imageOf,
  means,
  ofProcess,
  ofRow,
  ofTable,
  ofText,
  processOf,
  sourceFile,
  targetFile,
  type FieldRow,
} from './field-row.ts';
import { accessFields, bpfFields, moduleFields, mountFields, namespaceFields, targetProcessId } from './call-fields.ts';
import { credentialFields, gainedCapabilities, packageFields } from './credential-fields.ts';
import { fileAttributes } from './file-attributes.ts';
import { execFlagNames, imageFlagTexts, namesOf, openFlagNames } from './flag-names.ts';
import type { Category } from './routes.ts';

const { EventKind } = event;
const OPENS: readonly number[] = [EventKind.FILE_OPEN, EventKind.FILE_READ];
const CONNECT: number = EventKind.NET_CONNECT;
/** By number. */
export const protocolNames: Readonly<Record<number, string>> = { 6: 'tcp', 17: 'udp' };

/** Facts about the process that did it: all events have them. */
export const processFields: readonly FieldRow[] = [
  ofText('Image', means('process.file.path', 'EventColumns.image_path', 'process.executable.path'), (batch, row) =>
    at(batch.imagePath, imageOf(batch, row)),
  ),
  ofText(
    'CommandLine',
    means('process.cmd_line', 'EventColumns.image_command_line', 'process.command_line'),
    (batch, row) => at(batch.imageCommandLine, imageOf(batch, row)),
  ),
  ofText(
    'CurrentDirectory',
    means('process.working_directory', 'EventColumns.image_working_directory', 'process.working_directory'),
    (batch, row) => at(batch.imageWorkingDirectory, imageOf(batch, row)),
  ),
  ofProcess('Environment', means('process.environment_variables', 'EventColumns.image_environment'), (batch, process) =>
    linesOf(batch.text(at(batch.imageEnvironment, at(batch.processImage, process)))),
  ),
  ofText('Container', means('container.uid', 'EventColumns.container_id', 'container.id'), (batch, row) =>
    at(batch.containerId, at(batch.processContainer, processOf(batch, row))),
  ),
  ofProcess(
    'ContainerImage',
    means('container.image.name', 'ContainerFact.image', 'container.image.name'),
    (batch, process) => [batch.containerImage(at(batch.processContainer, process))],
  ),
  ofProcess(
    'PodNamespace',
    means('unmapped.pod_namespace', 'ContainerFact.pod_namespace', 'k8s.namespace.name'),
    (batch, process) => [batch.podNamespace(at(batch.processContainer, process))],
  ),
  ofProcess('PodLabels', means('unmapped.pod_labels', 'ContainerFact.pod_labels'), (batch, process) =>
    batch.podLabels(at(batch.processContainer, process)),
  ),
  ofProcess('PodOwner', means('unmapped.pod_owner', 'ContainerFact.pod_owner'), (batch, process) => [
    batch.podOwner(at(batch.processContainer, process)),
  ]),
  ofProcess('UserId', means('process.user.uid', 'EventColumns.user_id', 'process.real_user.id'), (batch, process) => [
    String(at(batch.processUserId, process)),
  ]),
  ofProcess(
    'User',
    means('process.user.name', 'BatchEnrichment.user_names', 'process.real_user.name'),
    (batch, process) => [batch.userName(process)],
  ),
  ...credentialFields,
  ...packageFields,
  ofProcess('ProcessId', means('process.pid', 'EventColumns.pid', 'process.pid'), (batch, process) => [
    String(at(batch.processPid, process)),
  ]),
  ofProcess(
    'ParentProcessId',
    means('process.parent_process.pid', 'EventColumns.parent_pid', 'process.parent_pid'),
    (batch, process) => [String(at(batch.processParentPid, process))],
  ),
  ofProcess(
    'ParentImage',
    means('process.parent_process.file.path', 'LineageColumns.ancestor_paths'),
    (batch, process) => [batch.ancestorImages(process)[0] ?? ''],
  ),
  ofProcess(
    'ParentCommandLine',
    means('process.parent_process.cmd_line', 'LineageColumns.parent_command_lines'),
    (batch, process) => [batch.parentCommandLine(process)],
  ),
  ofProcess('AncestorImages', means('process.lineage', 'LineageColumns.ancestor_paths'), (batch, process) =>
    batch.ancestorImages(process),
  ),
  ofProcess('ImageFlags', means('unmapped.image_flags', 'EventColumns.image_flags'), (batch, process) =>
    imageFlagTexts(at(batch.imageFlags, at(batch.processImage, process))),
  ),
  ofProcess('sha256', means('process.file.hashes.value', 'EventColumns.image_sha256'), (batch, process) => [
    batch.imageSha256(at(batch.processImage, process)),
  ]),
  ofProcess('Hashes', means('process.file.hashes', 'EventColumns.image_sha256'), (batch, process) =>
    hashes(batch.imageSha256(at(batch.processImage, process))),
  ),
];

function linesOf(text: string): readonly string[] {
  return text === '' ? [] : text.split('\n');
}

function hashes(sha256: string): readonly string[] {
  return sha256 === '' ? [] : [`SHA256=${sha256.toUpperCase()}`];
}

const kindNames = Object.values(EventKind)
  .filter((name) => typeof name === 'string')
  .map((name) => name.toLowerCase());

export const eventKind = ofTable('EventKind', means('activity_id', 'EventColumns.kind'), {
  entry: (batch, row) => at(batch.kind, row),
  texts: (_batch, kind) => [EventKind[kind]?.toLowerCase() ?? ''],
  values: kindNames,
});

const fileFields: readonly FieldRow[] = [
  ofText('TargetFilename', means('file.path', 'EventColumns.path EventColumns.target', 'file.path'), targetFile),
  ofText('SourceFilename', means('file_result.path', 'EventColumns.path EventColumns.target'), sourceFile),
  ofRow('OpenFlags', means('access_mask', 'EventColumns.flags'), (batch, row) =>
    OPENS.includes(at(batch.kind, row)) ? namesOf(at(batch.flags, row), openFlagNames) : [],
  ),
];

const valueOf = (batch: RuleBatch, row: number): bigint => batch.value[row] ?? 0n;

/** OCSF's paths. */
const attributeMeanings: Readonly<Record<string, string>> = {
  FileMode: 'file.security_descriptor',
  ModifiedTime: 'file.modified_time',
  FileFlags: 'file.attributes',
  FileCapabilities: 'unmapped.file_capabilities',
};

/** Of sensitive files that are read. */
const readFields: readonly FieldRow[] = [
  ofTable('FileClass', means('file.type', 'EventColumns.value'), {
    entry: (batch, row) => Number(valueOf(batch, row) >> 32n),
    texts: (_batch, held) => [sensitiveFileNames.get(held) ?? ''],
    values: [...sensitiveFileNames.values()],
  }),
  targetProcessId,
];

/** Of rows about attributes; each kind has one of them. */
const attributeFields: readonly FieldRow[] = [...fileAttributes].map(([kind, { field, texts }]) =>
  ofRow(field, means(attributeMeanings[field] ?? '', 'EventColumns.value'), (batch, row) =>
    at(batch.kind, row) === kind ? texts(valueOf(batch, row)) : [],
  ),
);

/** The peer is the destination, this host the source, whoever began. */
const networkFields: readonly FieldRow[] = [
  ofText('DestinationIp', means('dst_endpoint.ip', 'EventColumns.path', 'destination.address'), (batch, row) =>
    at(batch.path, row),
  ),
  ofRow('DestinationPort', means('dst_endpoint.port', 'EventColumns.value', 'destination.port'), (batch, row) => [
    String(portOf(batch, row, 16n)),
  ]),
  ofRow('SourcePort', means('src_endpoint.port', 'EventColumns.value', 'source.port'), (batch, row) => [
    String(portOf(batch, row, 0n)),
  ]),
  ofTable('Protocol', means('connection_info.protocol_name', 'EventColumns.flags', 'network.transport'), {
    entry: (batch, row) => at(batch.flags, row) & 0xff,
    texts: (_batch, protocol) => [protocolNames[protocol] ?? ''],
    values: Object.values(protocolNames),
  }),
  ofTable('Initiated', means('connection_info.direction_id', 'EventColumns.kind', 'network.io.direction'), {
    entry: (batch, row) => Number(at(batch.kind, row) === CONNECT),
    texts: (_batch, connects) => [String(connects === 1)],
    values: ['true', 'false'],
  }),
];

function portOf(batch: RuleBatch, row: number, shift: bigint): number {
  return Number((batch.value[row] ?? 0n) >> shift) & 0xffff;
}

const execFlags = ofRow('ExecFlags', means('unmapped.exec_flags', 'EventColumns.flags'), (batch, row) =>
  namesOf(at(batch.flags, row), execFlagNames),
);

const everywhere = [...processFields, eventKind];
const ofFiles = [...everywhere, ...fileFields];

/** What rules of each category may ask. */
export const fieldsByCategory: Readonly<Record<Category, readonly FieldRow[]>> = {
  process_creation: [...everywhere, execFlags, gainedCapabilities],
  file_access: [...ofFiles, ...readFields],
  file_event: ofFiles,
  file_change: [...ofFiles, ...attributeFields],
  file_delete: ofFiles,
  file_rename: ofFiles,
  network_connection: [...everywhere, ...networkFields],
  process_access: [...everywhere, ...accessFields],
  driver_load: [...everywhere, ...moduleFields],
  mount: [...everywhere, ...mountFields],
  namespace: [...everywhere, ...namespaceFields],
  bpf_call: [...everywhere, ...bpfFields],
};

const WORDS = ['CommandLine', 'TargetFilename', 'SourceFilename', 'DestinationIp'];

/** Where keywords are looked for: the texts of the event itself. */
export function wordFields(...of: readonly Category[]): FieldRow[] {
  const fields = new Set(of.flatMap((category) => fieldsByCategory[category]));
  return [...fields].filter(({ name }) => WORDS.includes(name));
}
