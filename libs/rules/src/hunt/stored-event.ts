// A stored event as Sigma's fields, so that the engine can say of what a hunt found which values matched, and in a sentence what happened.
import { event, nobodyId, sensitiveFileNames } from '@norn/contracts';
import { groups } from '../kernel/auditd.ts';
import { protocolNames } from '../kernel/fields.ts';
import { capabilityFields } from '../kernel/credential-fields.ts';
import { attributeFields, capabilityTexts } from '../kernel/file-attributes.ts';
import {
  accessNames,
  accessOf,
  bpfCommandNames,
  bpfProgramTypeNames,
  mountFlagNames,
  namespaceNames,
} from '../kernel/call-names.ts';
import { execFlagNames, imageFlagNames, namesOf, openFlagNames } from '../kernel/flag-names.ts';
import type { TestEvent } from '../sigma/rule.ts';

const { EventKind } = event;
const EXEC: number = EventKind.EXEC;
const RENAME: number = EventKind.FILE_RENAME;
const OPENS: readonly number[] = [EventKind.FILE_OPEN, EventKind.FILE_READ];
const READ: number = EventKind.FILE_READ;
const CONNECTIONS: readonly number[] = [EventKind.NET_CONNECT, EventKind.NET_ACCEPT];

/** The row of `processes` that an event belongs to. */
export interface StoredProcess {
  readonly commandLine: string;
  readonly parentPid: number;
  /** Real ids on the host. */
  readonly userId: number;
  readonly groupId: number;
  /** Empty without one. */
  readonly terminal: string;
  /** `nobodyId` where nobody logged in. */
  readonly loginUserId: number;
  readonly sessionId: number;
  /** In the order of `capabilitySets`. */
  readonly capabilities: readonly bigint[];
  /** Empty when not known. */
  readonly package: string;
  readonly packageVersion: string;
  readonly workingDirectory: string;
  /** "NAME=value" a line. */
  readonly environment: string;
  readonly userName: string;
  readonly containerImage: string;
  readonly podNamespace: string;
  /** "app=web". */
  readonly podLabels: readonly string[];
  /** "Deployment/web". */
  readonly podOwner: string;
  /** Nearest first. */
  readonly ancestorImages: readonly string[];
  readonly parentCommandLine: string;
  /** norn.event.v1.ImageFlag bits. */
  readonly imageFlags: number;
  /** Lower-case hex; empty when not known. */
  readonly sha256: string;
}

/** A row of `events`. */
export interface StoredEvent {
  /** norn.event.v1.EventKind. */
  readonly kind: number;
  readonly pid: number;
  readonly imagePath: string;
  readonly containerId: string;
  readonly path: string;
  readonly target: string;
  readonly flags: number;
  readonly value: bigint;
  readonly result: number;
}

/** `process` is undefined when storage has not seen it. */
export function storedEvent(stored: StoredEvent, process: StoredProcess | undefined): TestEvent {
  return {
    EventKind: EventKind[stored.kind]?.toLowerCase() ?? '',
    SYSCALL: callOf(stored),
    ProcessId: stored.pid,
    Image: stored.imagePath,
    Container: stored.containerId,
    ...fieldsOf(stored),
    ...(stored.kind === EXEC ? execFields(stored) : {}),
    ...(process === undefined ? {} : processFields(process)),
  };
}

function fieldsOf(stored: StoredEvent): TestEvent {
  if (CONNECTIONS.includes(stored.kind)) return connectionFields(stored);
  return (callFields.get(stored.kind) ?? fileFields)(stored);
}

/** The first of the names of its call. */
function callOf({ kind, flags }: StoredEvent): string {
  const [usual, variant] = groups.get(kind) ?? [];
  const group = (flags & 1) === 1 ? (variant ?? usual) : usual;
  return group?.calls[0] ?? '';
}

function processFields(process: StoredProcess): TestEvent {
  const [parent = '', ...above] = process.ancestorImages;
  return {
    CommandLine: process.commandLine,
    ParentProcessId: process.parentPid,
    uid: process.userId,
    gid: process.groupId,
    ...credentialsOf(process),
    Package: process.package,
    PackageVersion: process.packageVersion,
    CurrentDirectory: process.workingDirectory,
    Environment: process.environment === '' ? [] : process.environment.split('\n'),
    User: process.userName,
    ContainerImage: process.containerImage,
    PodNamespace: process.podNamespace,
    PodLabels: [...process.podLabels],
    PodOwner: process.podOwner,
    ParentImage: parent,
    AncestorImages: above,
    ParentCommandLine: process.parentCommandLine,
    ImageFlags: namesOf(process.imageFlags, imageFlagNames),
    sha256: process.sha256,
  };
}

function credentialsOf({ terminal, loginUserId, sessionId, capabilities }: StoredProcess): TestEvent {
  const sets = capabilityFields.map((field, set) => [field, capabilityTexts(capabilities[set] ?? 0n)]);
  return {
    Terminal: terminal,
    ...(loginUserId === nobodyId ? {} : { LoginUserId: loginUserId }),
    ...(sessionId === nobodyId ? {} : { TerminalSessionId: sessionId }),
    ...(Object.fromEntries(sets) as TestEvent),
  };
}

function execFields({ flags, value }: StoredEvent): TestEvent {
  return { ExecFlags: namesOf(flags, execFlagNames), GainedCapabilities: capabilityTexts(value) };
}

function connectionFields({ path, flags, value }: StoredEvent): TestEvent {
  return {
    DestinationIp: path,
    DestinationPort: Number((value >> 16n) & 0xffffn),
    SourcePort: Number(value & 0xffffn),
    Protocol: protocolNames[flags & 0xff] ?? '',
  };
}

function fileFields({ kind, path, target, flags, value }: StoredEvent): TestEvent {
  const renamed = kind === RENAME;
  return {
    TargetFilename: renamed ? target : path,
    SourceFilename: renamed ? path : target,
    ...(OPENS.includes(kind) ? { OpenFlags: namesOf(flags, openFlagNames) } : {}),
    ...(kind === READ ? readFields(value) : {}),
    ...attributeFields(kind, value),
  };
}

function readFields(value: bigint): TestEvent {
  return {
    FileClass: sensitiveFileNames.get(Number(value >> 32n)) ?? '',
    TargetProcessId: Number(value & 0xffff_ffffn),
  };
}

/** Of calls that are not about files, by kind. */
const callFields: ReadonlyMap<number, (stored: StoredEvent) => TestEvent> = new Map([
  [EventKind.PTRACE, accessFields],
  [EventKind.PROCESS_WRITE, accessFields],
  [
    EventKind.MODULE_LOAD,
    ({ path, result }: StoredEvent): TestEvent => ({ ImageLoaded: path, Loaded: String(result >= 0) }),
  ],
  [EventKind.MOUNT, mountFields],
  [EventKind.SETNS, namespaceFields],
  [EventKind.UNSHARE, namespaceFields],
  [EventKind.BPF, bpfFields],
]);

function accessFields({ kind, flags, value }: StoredEvent): TestEvent {
  return { Access: accessNames.get(accessOf(kind, flags)) ?? '', TargetProcessId: Number(value) };
}

function mountFields({ path, target, flags }: StoredEvent): TestEvent {
  return { MountPoint: path, MountSource: target, MountFlags: namesOf(flags, mountFlagNames) };
}

function namespaceFields({ flags }: StoredEvent): TestEvent {
  return { Namespaces: namesOf(flags, namespaceNames) };
}

function bpfFields({ path, flags, value }: StoredEvent): TestEvent {
  const command = bpfCommandNames.get(flags) ?? '';
  return { BpfProgram: path, BpfCommand: command, BpfProgramType: bpfProgramTypeNames.get(Number(value)) ?? '' };
}
