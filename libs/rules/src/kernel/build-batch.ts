// Builds a batch out of events written as Sigma fields: for rules' own test events and for recorded events of other tools.
import { event, nobodyId, sensitiveFileNames, sensitiveFileOf } from '@norn/contracts';
import { groups } from './auditd.ts';
import type { RuleBatch } from './batch.ts';
import type { TestEvent } from '../sigma/rule.ts';
import { kindsAboutProcesses } from './call-fields.ts';
import {
  accessNames,
  bpfCommandNames,
  bpfProgramTypeNames,
  mountFlagNames,
  namespaceNames,
  type Numbered,
} from './call-names.ts';
import { capabilityFields } from './credential-fields.ts';
import { capabilityBits, fileAttributes } from './file-attributes.ts';
import { bitsOf, execFlagNames, imageFlagNames, openFlagNames } from './flag-names.ts';

const { EventKind } = event;
const PROTOCOLS: Readonly<Record<string, number>> = { tcp: 6, udp: 17 };

interface Row {
  readonly kind: number;
  readonly path: string;
  readonly target: string;
  readonly flags: number;
  readonly value: bigint;
  readonly result: number;
}

/** Each event becomes a row with a process and an image of its own. Throws for a kind or flag that does not exist. */
export function buildRuleBatch(events: readonly TestEvent[]): RuleBatch {
  const dictionary = new Dictionary();
  const rows = events.map(rowOf);
  const text = (field: string): Uint16Array =>
    Uint16Array.from(events, (fields) => dictionary.index(textOf(fields, field)));
  return {
    rowCount: rows.length,
    kind: Uint8Array.from(rows, (row) => row.kind),
    process: Uint16Array.from(rows, (_, at) => at),
    path: Uint16Array.from(rows, (row) => dictionary.index(row.path)),
    target: Uint16Array.from(rows, (row) => dictionary.index(row.target)),
    flags: Uint32Array.from(rows, (row) => row.flags),
    value: BigUint64Array.from(rows, (row) => row.value),
    result: Int32Array.from(rows, (row) => row.result),
    listCount: rows.length,
    processImage: Uint16Array.from(rows, (_, at) => at),
    processContainer: Uint16Array.from(rows, (_, at) => at),
    processPid: numbers(events, 'ProcessId'),
    processParentPid: numbers(events, 'ParentProcessId'),
    processUserId: Uint32Array.from(events, (fields) =>
      numberOf(fields, fields['UserId'] === undefined ? 'uid' : 'UserId'),
    ),
    processGroupId: numbers(events, 'gid'),
    processTerminal: text('Terminal'),
    processLoginUserId: Uint32Array.from(events, (fields) => idOf(fields, 'LoginUserId')),
    processSessionId: Uint32Array.from(events, (fields) => idOf(fields, 'TerminalSessionId')),
    processCapabilities: BigUint64Array.from(
      events.flatMap((fields) => capabilityFields.map((field) => capabilityBits(listOf(fields, field)))),
    ),
    userName: (process) => textOf(events[process] ?? {}, 'User'),
    ancestorImages: (process) => ancestorsOf(events[process] ?? {}),
    parentCommandLine: (process) => textOf(events[process] ?? {}, 'ParentCommandLine'),
    imagePath: text('Image'),
    imageCommandLine: text('CommandLine'),
    imageWorkingDirectory: text('CurrentDirectory'),
    imageEnvironment: Uint16Array.from(events, (fields) => dictionary.index(listOf(fields, 'Environment').join('\n'))),
    imagePackage: text('Package'),
    imagePackageVersion: text('PackageVersion'),
    imageFlags: Uint32Array.from(events, (fields) => bitsOf(listOf(fields, 'ImageFlags'), imageFlagNames)),
    imageSha256: (image) => textOf(events[image] ?? {}, 'sha256'),
    containerId: text('Container'),
    containerImage: (container) => textOf(events[container] ?? {}, 'ContainerImage'),
    podNamespace: (container) => textOf(events[container] ?? {}, 'PodNamespace'),
    podLabels: (container) => listOf(events[container] ?? {}, 'PodLabels'),
    podOwner: (container) => textOf(events[container] ?? {}, 'PodOwner'),
    // Last: by now every string is in.
    textCount: dictionary.texts.length,
    text: (index) => dictionary.texts[index] ?? '',
  };
}

function rowOf(fields: TestEvent): Row {
  const kind = kindOf(fields);
  const renamed = kind === EventKind.FILE_RENAME;
  const file = firstText(fields, FILES);
  return {
    kind,
    path: renamed ? textOf(fields, 'SourceFilename') : file,
    target: renamed ? file : firstText(fields, ['SourceFilename', 'MountSource']),
    flags: flagsOf(kind, fields),
    value: valueOf(kind, fields),
    result: kind === EventKind.MODULE_LOAD && textOf(fields, 'Loaded') === 'false' ? -1 : 0,
  };
}

function valueOf(kind: event.EventKind, fields: TestEvent): bigint {
  if (kind === EventKind.FILE_READ)
    return (BigInt(classOf(fields)) << 32n) | BigInt(numberOf(fields, 'TargetProcessId'));
  if (kindsAboutProcesses.includes(kind)) return BigInt(numberOf(fields, 'TargetProcessId'));
  if (kind === EventKind.EXEC) return capabilityBits(listOf(fields, 'GainedCapabilities'));
  if (kind === EventKind.BPF) return BigInt(numberNamed(bpfProgramTypeNames, fields, 'BpfProgramType'));
  const attribute = fileAttributes.get(kind);
  if (attribute) return attribute.value(listOf(fields, attribute.field));
  return (BigInt(numberOf(fields, 'DestinationPort')) << 16n) | BigInt(numberOf(fields, 'SourcePort'));
}

/** As the sensor knows it by the file's name. */
function classOf(fields: TestEvent): number {
  const word = textOf(fields, 'FileClass');
  if (word === '') return sensitiveFileOf(textOf(fields, 'TargetFilename'));
  return [...sensitiveFileNames].find(([, name]) => name === word)?.[0] ?? event.SensitiveFile.UNSPECIFIED;
}

function flagsOf(kind: event.EventKind, fields: TestEvent): number {
  if (kind === EventKind.FILE_OPEN) return bitsOf(listOf(fields, 'OpenFlags'), openFlagNames) | 1;
  if (kind === EventKind.FILE_READ) return bitsOf(listOf(fields, 'OpenFlags'), openFlagNames);
  if (kind === EventKind.EXEC) return bitsOf(listOf(fields, 'ExecFlags'), execFlagNames);
  const call = callFlags.get(kind);
  if (call) return call(fields);
  const variant = groups.get(kind)?.[1];
  if (variant) return Number(variant.calls[0] === textOf(fields, 'SYSCALL'));
  return PROTOCOLS[textOf(fields, 'Protocol')] ?? 0;
}

const callFlags: ReadonlyMap<number, (fields: TestEvent) => number> = new Map([
  [EventKind.PTRACE, (fields: TestEvent) => numberNamed(accessNames, fields, 'Access')],
  [EventKind.MOUNT, (fields: TestEvent) => bitsOf(listOf(fields, 'MountFlags'), mountFlagNames)],
  [EventKind.SETNS, (fields: TestEvent) => bitsOf(listOf(fields, 'Namespaces'), namespaceNames)],
  [EventKind.UNSHARE, (fields: TestEvent) => bitsOf(listOf(fields, 'Namespaces'), namespaceNames)],
  [EventKind.BPF, (fields: TestEvent) => numberNamed(bpfCommandNames, fields, 'BpfCommand')],
]);

/** The number of a field's word; 0 where the event has none. Throws for a word that there is not. */
function numberNamed(names: Numbered, fields: TestEvent, field: string): number {
  const word = textOf(fields, field);
  if (word === '') return 0;
  const found = [...names].find(([, name]) => name === word);
  if (!found) throw new RangeError(`${field} "${word}" does not exist: known are ${[...names.values()].join(', ')}`);
  return found[0];
}

/** Where an event says what its row's path is. */
const FILES = ['TargetFilename', 'DestinationIp', 'ImageLoaded', 'MountPoint', 'BpfProgram'];

function firstText(fields: TestEvent, names: readonly string[]): string {
  return names.map((name) => textOf(fields, name)).find((text) => text !== '') ?? '';
}

function kindOf(fields: TestEvent): event.EventKind {
  const name = textOf(fields, 'EventKind').toUpperCase() as keyof typeof EventKind;
  const kind = EventKind[name] as event.EventKind | undefined;
  if (kind === undefined) throw new RangeError(`EventKind "${name}" does not exist`);
  return kind;
}

function ancestorsOf(fields: TestEvent): string[] {
  const parent = textOf(fields, 'ParentImage');
  const above = listOf(fields, 'AncestorImages');
  return parent === '' ? above : [parent, ...above];
}

function textOf(fields: TestEvent, name: string): string {
  const value = fields[name];
  return value === undefined || Array.isArray(value) ? '' : String(value);
}

function numberOf(fields: TestEvent, name: string): number {
  return Number(fields[name] ?? 0);
}

/** Nobody's where the event has none. */
function idOf(fields: TestEvent, name: string): number {
  return fields[name] === undefined ? nobodyId : numberOf(fields, name);
}

function numbers(events: readonly TestEvent[], name: string): Uint32Array {
  return Uint32Array.from(events, (fields) => numberOf(fields, name));
}

function listOf(fields: TestEvent, name: string): string[] {
  const value = fields[name];
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [String(value)];
}

class Dictionary {
  readonly texts = [''];
  private readonly known = new Map([['', 0]]);

  index(text: string): number {
    let index = this.known.get(text);
    if (index === undefined) {
      index = this.texts.push(text) - 1;
      this.known.set(text, index);
    }
    return index;
  }
}
