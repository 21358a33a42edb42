// A batch as objects, the reverse of `BatchWriter`: for tools that rewrite batches. Stages read columns.
import { toHex } from '@norn/base';
import type { BatchView } from './batch-view.ts';
import type { ProcessEntry, Row } from './batch-writer.ts';
import { type BatchColumns, capabilitiesOf, nobodyId } from './columns.ts';
import { malformed } from './wire.ts';

export interface BatchRows {
  /** Of the whole process table, in its order. */
  readonly processes: readonly ProcessEntry[];
  readonly rows: readonly Row[];
}

/** Texts that are not UTF-8 come out with U+FFFD. Throws `batch_malformed` as `columns` does. */
export function readRows({ columns, baseTimeUs, eventCount }: BatchView): BatchRows {
  const processes = Array.from({ length: columns.processes.count }, (_, at) => processAt(columns, at));
  const rows = Array.from({ length: eventCount }, (_, row): Row => {
    const process = processes[columns.process[row] ?? 0];
    if (!process) throw malformed(`Row ${row} has no process`);
    return {
      // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- a kind that is not known yet passes through
      kind: columns.kind[row] ?? 0,
      timeUs: baseTimeUs + (columns.timeOffsetUs[row] ?? 0),
      process,
      path: columns.strings.text(columns.path[row] ?? 0),
      target: columns.strings.text(columns.target[row] ?? 0),
      flags: columns.flags[row] ?? 0,
      value: columns.value[row] ?? 0n,
      result: columns.result[row] ?? 0,
    };
  });
  return { processes, rows };
}

function processAt(columns: BatchColumns, at: number): ProcessEntry {
  const { processes, containers, strings } = columns;
  return {
    uid: processes.uid.slice(at * 16, at * 16 + 16),
    parentUid: processes.parentUid.slice(at * 16, at * 16 + 16),
    pid: processes.pid[at] ?? 0,
    namespacePid: processes.namespacePid[at] ?? 0,
    parentPid: processes.parentPid[at] ?? 0,
    startTimeUs: Number(processes.startTimeUs[at] ?? 0n),
    imageNumber: processes.imageNumber[at] ?? 0,
    ...imageAt(columns, processes.image[at] ?? 0),
    containerId: strings.text(containers.id[processes.container[at] ?? 0] ?? 0),
    userId: processes.userId[at] ?? 0,
    groupId: processes.groupId[at] ?? 0,
    terminal: strings.text(processes.terminal[at] ?? 0),
    loginUserId: processes.loginUserId[at] ?? nobodyId,
    sessionId: processes.sessionId[at] ?? nobodyId,
    capabilities: [...capabilitiesOf(processes, at)],
  };
}

function imageAt({ images, strings }: BatchColumns, image: number) {
  const sha256 = images.sha256.subarray(image * 32, image * 32 + 32);
  return {
    imagePath: strings.text(images.path[image] ?? 0),
    commandLine: strings.text(images.commandLine[image] ?? 0),
    workingDirectory: strings.text(images.workingDirectory[image] ?? 0),
    environment: strings.text(images.environment[image] ?? 0),
    sha256: sha256.some((byte) => byte !== 0) ? toHex(sha256) : '',
    imageFlags: images.flags[image] ?? 0,
    package: strings.text(images.package[image] ?? 0),
    packageVersion: strings.text(images.packageVersion[image] ?? 0),
  };
}
