// A batch as the rule engine reads it: the same columns, nothing copied.
import { toHex } from '@norn/base';
import { podLabels, type BatchView } from '@norn/contracts';
import type { RuleBatch } from './batch.ts';

export function toRuleBatch(batch: BatchView): RuleBatch {
  const { columns, lineage, enrichment } = batch;
  const { strings, processes, images, containers } = columns;
  return {
    rowCount: batch.eventCount,
    kind: columns.kind,
    process: columns.process,
    path: columns.path,
    target: columns.target,
    flags: columns.flags,
    value: columns.value,
    result: columns.result,
    textCount: strings.count,
    dictionary: strings,
    text: (index) => strings.text(index),
    listCount: processes.count,
    processImage: processes.image,
    processContainer: processes.container,
    processPid: processes.pid,
    processParentPid: processes.parentPid,
    processUserId: processes.userId,
    processGroupId: processes.groupId,
    processTerminal: processes.terminal,
    processLoginUserId: processes.loginUserId,
    processSessionId: processes.sessionId,
    processCapabilities: processes.capabilities,
    userName: (process) => enrichment?.userNames[process] ?? '',
    ancestorImages: (process) => lineage?.ancestorPaths(process) ?? [],
    parentCommandLine: (process) => lineage?.parentCommandLine(process) ?? '',
    imagePath: images.path,
    imageCommandLine: images.commandLine,
    imageWorkingDirectory: images.workingDirectory,
    imageEnvironment: images.environment,
    imagePackage: images.package,
    imagePackageVersion: images.packageVersion,
    imageFlags: images.flags,
    imageSha256: (image) => hashOf(images.sha256.subarray(image * 32, image * 32 + 32)),
    containerId: containers.id,
    containerImage: (container) => enrichment?.containers[container]?.image ?? '',
    podNamespace: (container) => enrichment?.containers[container]?.podNamespace ?? '',
    podLabels: (container) => podLabels(enrichment?.containers[container]),
    podOwner: (container) => enrichment?.containers[container]?.podOwner ?? '',
  };
}

function hashOf(bytes: Uint8Array): string {
  return bytes.some((byte) => byte !== 0) ? toHex(bytes) : '';
}
