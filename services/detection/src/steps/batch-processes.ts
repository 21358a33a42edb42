// Questions about the processes a batch knows. Asked for findings only, so a walk over the table is cheap enough.
import { create } from '@bufbuild/protobuf';
import { toHex } from '@norn/base';
import { type BatchView, finding } from '@norn/contracts';
import { limits } from '../limits.ts';

/** Position in the process table of the newest image of a process, or -1. */
export function processIndex({ columns }: BatchView, uid: Uint8Array): number {
  const { uid: uids, count, imageNumber } = columns.processes;
  if (uid.length !== 16) return -1;
  let found = -1;
  for (let at = 0; at < count; at += 1) {
    if (!equal(uids, at * 16, uid)) continue;
    if (found < 0 || (imageNumber[at] ?? 0) > (imageNumber[found] ?? 0)) found = at;
  }
  return found;
}

/** The origin of a process: a copy of 16 bytes; undefined when the batch does not know it. */
export function lineageOf(batch: BatchView, uid: Uint8Array): Uint8Array | undefined {
  const at = processIndex(batch, uid);
  if (at < 0 || !batch.lineage) return undefined;
  const lineage = batch.lineage.lineageUid.slice(at * 16, at * 16 + 16);
  return lineage.some((byte) => byte !== 0) ? lineage : undefined;
}

/** Who started a process: a copy of 16 bytes; empty when the batch does not know. */
export function parentOf({ columns }: BatchView, at: number): Uint8Array {
  const parent = columns.processes.parentUid.slice(at * 16, at * 16 + 16);
  return at >= 0 && parent.some((byte) => byte !== 0) ? parent : new Uint8Array(0);
}

/** The host's pids of a process and of those above it, nearest first; 0 and none when the batch does not know it. */
export function pidsOf(batch: BatchView, at: number): { pid: number; ancestorPids: number[] } {
  const pid = at < 0 ? 0 : (batch.columns.processes.pid[at] ?? 0);
  return { pid, ancestorPids: at < 0 ? [] : [...(batch.lineage?.ancestorPids(at) ?? [])] };
}

/** What the process at that place of the table is, for exceptions to go by; undefined when the batch does not know it. */
export function foundProcess(
  { columns, lineage, enrichment }: BatchView,
  at: number,
): finding.FoundProcess | undefined {
  const { processes, images, containers, strings } = columns;
  const image = processes.image[at];
  if (image === undefined) return undefined;
  const containerId = strings.text(containers.id[processes.container[at] ?? 0] ?? 0);
  const container = enrichment?.containers.find((each) => each.containerId === containerId);
  const sha256 = images.sha256.subarray(image * 32, image * 32 + 32);
  const commandLine = strings.text(images.commandLine[image] ?? 0);
  return create(finding.FoundProcessSchema, {
    imagePath: strings.text(images.path[image] ?? 0),
    imageSha256: sha256.some((byte) => byte !== 0) ? toHex(sha256) : '',
    commandLine: commandLine.length > limits.exceptedCommandLineMax ? '' : commandLine,
    parentImagePath: lineage?.ancestorPaths(at)[0] ?? '',
    containerImage: container?.image ?? '',
    package: strings.text(images.package[image] ?? 0),
  });
}

/** Path of the process's newest image; empty when the batch does not know it. */
export function imagePathOf(batch: BatchView, uid: Uint8Array): string {
  const at = processIndex(batch, uid);
  const { processes, images, strings } = batch.columns;
  return at < 0 ? '' : strings.text(images.path[processes.image[at] ?? 0] ?? 0);
}

/** Whether `ancestor` is `uid` itself or above it, as far as the batch knows. */
export function isBelow(batch: BatchView, uid: Uint8Array, ancestor: Uint8Array): boolean {
  if (ancestor.length !== 16) return false;
  if (uid.length === 16 && equal(uid, 0, ancestor)) return true;
  const at = processIndex(batch, uid);
  const above = at < 0 ? undefined : batch.lineage?.ancestorUids(at);
  if (!above) return false;
  for (let start = 0; start < above.length; start += 16) if (equal(above, start, ancestor)) return true;
  return false;
}

function equal(bytes: Uint8Array, start: number, wanted: Uint8Array): boolean {
  for (let at = 0; at < 16; at += 1) if (bytes[start + at] !== wanted[at]) return false;
  return true;
}
