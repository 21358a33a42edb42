// The sensor's events as they are stored: where each field of the engine's layout is in the tables `events` and `processes`.
import { capabilitySets, event, sensitiveFileNames } from '@norn/contracts';
import { protocolNames } from '../kernel/fields.ts';
import {
  accessNames,
  bpfCommandNames,
  bpfProgramTypeNames,
  mountFlagNames,
  namespaceNames,
  PROGRAM_LOAD,
  WRITE,
} from '../kernel/call-names.ts';
import { capabilityFields } from '../kernel/credential-fields.ts';
import { capabilityNames, inodeFlagNames } from '../kernel/file-attributes.ts';
import { execFlagNames, imageFlagNames, openFlagNames, type FlagNames } from '../kernel/flag-names.ts';
import { kernelLayout, kernelRows, kernelStreams } from '../kernel/layout.ts';
import type { KindOfRows } from '../kernel/routes.ts';
import { auditdFacts } from './auditd-columns.ts';
import type { Column, ColumnLayout, ColumnStream } from './column.ts';
import {
  idOfProcess,
  listOfEvent,
  listOfProcess,
  ofEvent,
  ofProcess,
  numberOfProcess,
  processTable,
  sourceFile,
  targetFile,
  valid,
  type Facts,
} from './facts.ts';

const { EventKind } = event;

const sha256 = `if(${processTable}.image_sha256 = toFixedString('', 32), '', lower(hex(${processTable}.image_sha256)))`;

const environment = valid(`${processTable}.environment`);
/** Of a row about another process. */
const targetPid = 'bitAnd(value, 4294967295)';

const octalDigits = [9, 6, 3, 0].map((shift) => `toString(bitAnd(bitShiftRight(value, ${shift}), 7))`);
const timeOfValue = `formatDateTime(fromUnixTimestamp64Micro(toInt64(value), 'UTC'), '%Y-%m-%dT%H:%i:%SZ')`;
const capabilityBits = capabilityNames.map((name, bit) => [2 ** bit, name] as const);

const kindNames = Object.entries(EventKind).filter(
  (entry): entry is [string, event.EventKind] => typeof entry[1] === 'number',
);

/** Of each field that some log source has. */
const facts: Readonly<Record<string, Facts>> = {
  Image: ofEvent('image_path'),
  Container: ofEvent('container_id'),
  EventKind: ofEvent(named('kind', new Map(kindNames.map(([name, kind]) => [kind, name.toLowerCase()])))),
  ProcessId: ofEvent('toString(pid)'),
  ParentProcessId: numberOfProcess('parent_pid'),
  CommandLine: ofProcess('command_line'),
  CurrentDirectory: ofProcess('working_directory'),
  Environment: listOfProcess(`if(${environment} = '', [], splitByChar('\\n', ${environment}))`),
  ContainerImage: ofProcess('container_image'),
  PodNamespace: ofProcess('pod_namespace'),
  PodLabels: listOfProcess(`${processTable}.pod_labels`),
  PodOwner: ofProcess('pod_owner'),
  UserId: numberOfProcess('user_id'),
  User: ofProcess('user_name'),
  ParentImage: ofProcess('ancestor_images[1]'),
  ParentCommandLine: ofProcess('parent_command_line'),
  AncestorImages: listOfProcess(`${processTable}.ancestor_images`),
  ImageFlags: listOfProcess(namesSql(`${processTable}.image_flags`, imageFlagNames)),
  sha256: { shape: 'text', table: processTable, sql: sha256 },
  Hashes: listOfProcess(`if(${sha256} = '', [], [concat('SHA256=', upper(${sha256}))])`),
  Terminal: ofProcess('terminal'),
  LoginUserId: idOfProcess('login_user_id'),
  TerminalSessionId: idOfProcess('session_id'),
  LogonId: numberOfProcess('user_id'),
  ...Object.fromEntries(
    capabilitySets.map((set, at) => [
      capabilityFields[at] ?? '',
      listOfProcess(namesSql(`${processTable}.capabilities_${set}`, capabilityBits)),
    ]),
  ),
  Package: ofProcess('package'),
  PackageVersion: ofProcess('package_version'),
  GainedCapabilities: listOfEvent(`if(kind = ${EventKind.EXEC}, ${namesSql('value', capabilityBits)}, [])`),
  ExecFlags: listOfEvent(namesSql('flags', execFlagNames)),
  TargetFilename: ofEvent(targetFile),
  SourceFilename: ofEvent(sourceFile),
  OpenFlags: listOfEvent(
    `if(kind IN (${EventKind.FILE_OPEN}, ${EventKind.FILE_READ}), ${namesSql('flags', openFlagNames)}, [])`,
  ),
  FileClass: ofEvent(named('bitShiftRight(value, 32)', sensitiveFileNames)),
  TargetProcessId: ofEvent(`if(${targetPid} = 0, '', toString(${targetPid}))`),
  FileMode: ofEvent(`if(kind = ${EventKind.FILE_CHMOD}, concat(${octalDigits.join(', ')}), '')`),
  ModifiedTime: ofEvent(`if(kind = ${EventKind.FILE_TIMES}, ${timeOfValue}, '')`),
  FileFlags: listOfEvent(`if(kind = ${EventKind.FILE_FLAGS}, ${namesSql('value', inodeFlagNames)}, [])`),
  FileCapabilities: listOfEvent(`if(kind = ${EventKind.FILE_CAPABILITIES}, ${namesSql('value', capabilityBits)}, [])`),
  Access: ofEvent(named(`if(kind = ${EventKind.PROCESS_WRITE}, ${WRITE}, flags)`, accessNames)),
  ImageLoaded: ofEvent(valid('path')),
  Loaded: ofEvent(`if(result >= 0, 'true', 'false')`),
  MountPoint: ofEvent(valid('path')),
  MountSource: ofEvent(valid('target')),
  MountFlags: listOfEvent(namesSql('flags', mountFlagNames)),
  Namespaces: listOfEvent(namesSql('flags', namespaceNames)),
  BpfCommand: ofEvent(named('flags', bpfCommandNames)),
  BpfProgramType: ofEvent(named(`if(flags = ${PROGRAM_LOAD}, bitAnd(value, 255), 0)`, bpfProgramTypeNames)),
  BpfProgram: ofEvent(valid('path')),
  DestinationIp: ofEvent('path'),
  DestinationPort: ofEvent('toString(bitAnd(bitShiftRight(value, 16), 65535))'),
  SourcePort: ofEvent('toString(bitAnd(value, 65535))'),
  Protocol: ofEvent(named('bitAnd(flags, 255)', new Map(Object.entries(protocolNames)))),
  Initiated: ofEvent(`if(kind = ${EventKind.NET_CONNECT}, 'true', 'false')`),
  ...auditdFacts,
};

/** SQL of the name of a number; empty when it has none. */
function named(number: string, names: ReadonlyMap<number | string, string>): string {
  const texts = [...names.values()].map((name) => `'${name}'`);
  return `transform(${number}, [${[...names.keys()].join(', ')}], [${texts.join(', ')}], '')`;
}

/** The names of the bits that are set, as an array. */
function namesSql(bits: string, names: FlagNames): string {
  const pairs = names.map(([bit, name]) => `(toUInt64(${bit < 0 ? bit >>> 0 : bit}), '${name}')`).join(', ');
  return `arrayMap(f -> f.2, arrayFilter(f -> bitAnd(${bits}, f.1) != 0, [${pairs}]))`;
}

/** As the engine has it: what is empty is not there. */
function columnOf(name: string, { sql, ...fact }: Facts): Column {
  const exists = fact.shape === 'text' ? `${sql} != ''` : `arrayExists(e -> e != '', ${sql})`;
  return { name, ...fact, value: () => sql, exists: () => exists };
}

const columns = new Map(Object.entries(facts).map(([name, fact]) => [name, columnOf(name, fact)]));
const columnsOf = (fields: readonly { readonly name: string }[]): Column[] =>
  fields.flatMap(({ name }) => columns.get(name) ?? []);

const streams = new Map([...kernelStreams.keys()].map((name) => [name, streamOf(name)]));

/** The engine's stream of that name, field by field. */
function streamOf(name: string): ColumnStream {
  const stream = kernelStreams.get(name);
  return {
    name: `the history of ${name}`,
    rows: kernelRows
      .filter((rows) => rows.stream === name)
      .map(rowsSql)
      .join(' OR '),
    fields: (asked) => columnsOf(stream?.fields(asked) ?? []),
    fieldNames: () => (stream?.fieldNames() ?? []).filter((field) => columns.has(field)),
    words: columnsOf(stream?.words ?? []),
  };
}

function rowsSql({ kind, anyFlag, succeeded }: KindOfRows): string {
  if (anyFlag !== undefined) return `kind = ${kind} AND bitAnd(flags, ${anyFlag}) != 0`;
  return succeeded ? `kind = ${kind} AND result >= 0` : `kind = ${kind}`;
}

/** Rules of the same sources as the engine's. */
export const kernelColumns: ColumnLayout = {
  sources: kernelLayout.sources,
  streamOf: (source) => streams.get(kernelLayout.streamOf(source)?.name ?? ''),
};
