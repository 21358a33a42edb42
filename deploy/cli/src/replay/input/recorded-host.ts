// One host of a file of events: which process has which pid and runs what, so that each event becomes a row as the agent would write it.
import { createHash } from 'node:crypto';
import { type ProcessEntry, type Row, event } from '@norn/contracts';
import type { RecordedEvent } from './event-line.ts';

const { EventKind, ImageFlag } = event;

/** Processes remembered of a host, and pids that were given before; the oldest is forgotten. */
const processesMax = 65_536;
/** Files remembered as written since the recording began, of all hosts together; the oldest is forgotten. */
const writtenFilesMax = 500_000;
/** What the agent keeps of a command line, characters. */
const commandLineMax = 4_096;

const unknownUid = new Uint8Array(16);

/** What the hosts of one recording wrote. */
export class WrittenFiles {
  private readonly names = new Set<string>();

  has(host: string, path: string): boolean {
    return this.names.has(`${host}\0${path}`);
  }

  add(host: string, path: string): void {
    this.names.add(`${host}\0${path}`);
    if (this.names.size > writtenFilesMax) this.names.delete(this.names.keys().next().value ?? '');
  }
}

export class RecordedHost {
  private readonly processes = new Map<number, ProcessEntry>();
  /** How often a pid was given before. */
  private readonly generations = new Map<number, number>();

  constructor(
    private readonly name: string,
    private readonly writtenFiles: WrittenFiles,
  ) {}

  /** The next event of the host, in the order in which they happened. */
  rowOf(recorded: RecordedEvent, timeUs: number): Row {
    const { kind, pid, image, path = '', old = '', flags, value, result = 0 } = recorded;
    if (kind === EventKind.FORK) this.forget(pid);
    const process = this.processOf(recorded, timeUs);
    if (kind === EventKind.EXIT) this.forget(pid);
    this.learnFile(recorded);
    const isRename = kind === EventKind.FILE_RENAME;
    const first = isRename ? old : path || (kind === EventKind.EXEC ? (image ?? '') : '');
    return { kind, timeUs, process, path: first, target: isRename ? path : old, flags, value, result };
  }

  private processOf(recorded: RecordedEvent, timeUs: number): ProcessEntry {
    const before = this.processes.get(recorded.pid) ?? this.born(recorded, timeUs);
    const { uid, gid, container, nsPid } = recorded;
    const process = {
      ...before,
      ...(uid !== undefined && { userId: uid }),
      ...(gid !== undefined && { groupId: gid }),
      ...(container !== undefined && { containerId: container }),
      ...(nsPid !== undefined && { namespacePid: nsPid }),
      ...this.newImage(recorded, before),
    };
    this.processes.set(recorded.pid, process);
    forgetOldest(this.processes, processesMax);
    return process;
  }

  /** A process that nothing was heard of before. What its creator was is what it is. */
  private born({ pid, ppid }: RecordedEvent, timeUs: number): ProcessEntry {
    const parent = ppid === undefined ? undefined : this.processes.get(ppid);
    const inherited = parent ?? { imagePath: '' };
    return {
      ...inherited,
      uid: this.uidOf(pid),
      parentUid: ppid === undefined || ppid === 0 ? unknownUid : this.uidOf(ppid),
      pid,
      namespacePid: pid,
      parentPid: ppid ?? 0,
      startTimeUs: timeUs,
      imageNumber: 0,
    };
  }

  /** Of an exec that did not fail, and of a process that was found running. */
  private newImage(recorded: RecordedEvent, before: ProcessEntry): Partial<ProcessEntry> {
    const { kind, image, argv, cwd, sha256 = '', imageFlags, result = 0 } = recorded;
    const isNew = (kind === EventKind.EXEC && result >= 0) || (kind === EventKind.PROCESS_SEEN && image !== undefined);
    if (!isNew) return {};
    const imagePath = image ?? '';
    return {
      imageNumber: (before.imageNumber ?? 0) + 1,
      imagePath,
      commandLine: (argv ?? []).join(' ').slice(0, commandLineMax),
      workingDirectory: cwd ?? before.workingDirectory ?? '',
      sha256,
      imageFlags: imageFlags ?? (this.writtenFiles.has(this.name, imagePath) ? ImageFlag.NEW : 0),
    };
  }

  /** A program that was written in this recording is new when it is started. */
  private learnFile({ kind, path = '', old = '' }: RecordedEvent): void {
    const isWritten =
      kind === EventKind.FILE_OPEN ||
      kind === EventKind.FILE_TRUNCATE ||
      ((kind === EventKind.FILE_RENAME || kind === EventKind.FILE_LINK) && this.writtenFiles.has(this.name, old));
    if (isWritten && path !== '') this.writtenFiles.add(this.name, path);
  }

  /** The pid may be given to another process from now on. */
  private forget(pid: number): void {
    if (!this.processes.delete(pid)) return;
    this.generations.set(pid, (this.generations.get(pid) ?? 0) + 1);
    forgetOldest(this.generations, processesMax);
  }

  private uidOf(pid: number): Uint8Array {
    return uidFor(this.name, 'process', pid, this.generations.get(pid) ?? 0);
  }
}

/** 16 bytes that are the same whenever the same things are named. */
export function uidFor(...names: readonly (string | number)[]): Uint8Array {
  return Uint8Array.from(createHash('sha256').update(names.join('\0')).digest().subarray(0, 16));
}

function forgetOldest(map: Map<number, unknown>, most: number): void {
  if (map.size > most) map.delete(map.keys().next().value ?? 0);
}
