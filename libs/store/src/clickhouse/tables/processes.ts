// Rows of `processes`: a process and its image as a batch described it.
import {
  type BatchColumns,
  type BatchView,
  type LineageView,
  type event,
  capabilitySets,
  nobodyId,
  podLabels,
} from '@norn/contracts';
import { NativeBlock } from '../native/block.ts';
import { type RowOwner, low, lows, pushTexts, sha256, text, time, u32, u64, uid, uids } from './column-kinds.ts';

export function createProcessesBlock() {
  return new NativeBlock('processes', {
    tenant_id: low(),
    host_id: low(),
    process_uid: uid(),
    image_number: u32(),
    parent_uid: uid(),
    lineage_uid: uid(),
    ancestor_uids: uids(),
    ancestor_images: lows(),
    parent_command_line: text(),
    pid: u32(),
    namespace_pid: u32(),
    parent_pid: u32(),
    container_id: low(),
    container_name: low(),
    container_image: low(),
    pod_name: low(),
    pod_namespace: low(),
    pod_labels: lows(),
    pod_owner: low(),
    user_id: u32(),
    user_name: low(),
    group_id: u32(),
    terminal: low(),
    login_user_id: u32(),
    login_user_name: low(),
    session_id: u32(),
    capabilities_effective: u64(),
    capabilities_permitted: u64(),
    capabilities_inheritable: u64(),
    capabilities_ambient: u64(),
    capabilities_bounding: u64(),
    image_path: low(),
    command_line: text(),
    image_sha256: sha256(),
    package: low(),
    package_version: low(),
    image_flags: u32(),
    working_directory: text(),
    environment: text(),
    start_time: time(),
    image_time: time(),
    seen_time: time(),
    version: u64(),
  });
}

export type ProcessesBlock = ReturnType<typeof createProcessesBlock>;

const noLineage = new Uint8Array(0);

/** One entry of a batch's process table. */
export interface DescribedProcess {
  readonly entry: number;
  /** When the image started, Unix µs; 0 when no exec of it was seen. */
  readonly imageTimeUs: number;
  /** Time of the batch's last row, Unix µs. */
  readonly seenTimeUs: number;
}

export function pushProcess(
  block: ProcessesBlock,
  owner: RowOwner,
  batch: BatchView,
  described: DescribedProcess,
): void {
  const { columns } = block;
  columns.tenant_id.push(owner.tenantId);
  columns.host_id.push(owner.hostId);
  pushIdentity(block, batch.columns, described.entry);
  pushCredentials(block, batch.columns, described.entry);
  pushLineage(block, batch.lineage, described.entry);
  pushEnrichment(block, batch, described.entry);
  pushNames(block, batch, described.entry);
  pushImage(block, batch.columns, described.entry);
  pushTimes(block, batch.columns, described);
  block.rows += 1;
}

function pushIdentity({ columns }: ProcessesBlock, { processes }: BatchColumns, entry: number): void {
  columns.process_uid.pushAt(processes.uid, entry);
  columns.image_number.push(processes.imageNumber[entry] ?? 0);
  columns.parent_uid.pushAt(processes.parentUid, entry);
  columns.pid.push(processes.pid[entry] ?? 0);
  columns.namespace_pid.push(processes.namespacePid[entry] ?? 0);
  columns.parent_pid.push(processes.parentPid[entry] ?? 0);
  columns.user_id.push(processes.userId[entry] ?? 0);
  columns.group_id.push(processes.groupId[entry] ?? 0);
}

function pushCredentials({ columns }: ProcessesBlock, { strings, processes }: BatchColumns, entry: number): void {
  columns.terminal.push(strings.text(processes.terminal[entry] ?? 0));
  columns.login_user_id.push(processes.loginUserId[entry] ?? nobodyId);
  columns.session_id.push(processes.sessionId[entry] ?? nobodyId);
  const words = processes.capabilityWords;
  const at = entry * capabilitySets.length * 2;
  // By name: names that are put together cost more than the rest of the row.
  columns.capabilities_effective.pushWords(words[at] ?? 0, words[at + 1] ?? 0);
  columns.capabilities_permitted.pushWords(words[at + 2] ?? 0, words[at + 3] ?? 0);
  columns.capabilities_inheritable.pushWords(words[at + 4] ?? 0, words[at + 5] ?? 0);
  columns.capabilities_ambient.pushWords(words[at + 6] ?? 0, words[at + 7] ?? 0);
  columns.capabilities_bounding.pushWords(words[at + 8] ?? 0, words[at + 9] ?? 0);
}

function pushImage({ columns }: ProcessesBlock, { strings, processes, images }: BatchColumns, entry: number): void {
  const image = processes.image[entry] ?? 0;
  columns.image_path.push(strings.text(images.path[image] ?? 0));
  columns.command_line.pushAt(strings, images.commandLine[image] ?? 0);
  columns.image_sha256.pushAt(images.sha256, image);
  columns.package.push(strings.text(images.package[image] ?? 0));
  columns.package_version.push(strings.text(images.packageVersion[image] ?? 0));
  columns.image_flags.push(images.flags[image] ?? 0);
  columns.working_directory.pushAt(strings, images.workingDirectory[image] ?? 0);
  columns.environment.pushAt(strings, images.environment[image] ?? 0);
}

function pushTimes({ columns }: ProcessesBlock, { processes }: BatchColumns, described: DescribedProcess): void {
  const { entry, imageTimeUs, seenTimeUs } = described;
  const startTimeUs = Number(processes.startTimeUs[entry] ?? 0n);
  columns.start_time.push(startTimeUs);
  columns.image_time.push(imageTimeUs === 0 ? startTimeUs : imageTimeUs);
  columns.seen_time.push(seenTimeUs);
  // A description that knows when the image started wins over one that does not, whichever came later.
  columns.version.push(imageTimeUs === 0 ? 0 : seenTimeUs);
}

function pushLineage({ columns }: ProcessesBlock, lineage: LineageView | undefined, entry: number): void {
  const ancestors = lineage?.ancestorUids(entry) ?? noLineage;
  columns.lineage_uid.pushAt(lineage?.lineageUid ?? noLineage, entry);
  columns.ancestor_uids.elements.pushAll(ancestors);
  columns.ancestor_uids.close(ancestors.length / 16);
  pushTexts(columns.ancestor_images, lineage?.ancestorPaths(entry) ?? []);
  columns.parent_command_line.push(lineage?.parentCommandLine(entry) ?? '');
}

function pushEnrichment({ columns }: ProcessesBlock, batch: BatchView, entry: number): void {
  const { strings, processes, containers } = batch.columns;
  const container = processes.container[entry] ?? 0;
  const fact = batch.enrichment?.containers[container];
  columns.container_id.push(strings.text(containers.id[container] ?? 0));
  columns.container_name.push(fact?.name ?? '');
  columns.container_image.push(fact?.image ?? '');
  pushPod(columns, fact);
}

function pushPod(columns: ProcessesBlock['columns'], fact: event.ContainerFact | undefined): void {
  columns.pod_name.push(fact?.podName ?? '');
  columns.pod_namespace.push(fact?.podNamespace ?? '');
  pushTexts(columns.pod_labels, podLabels(fact));
  columns.pod_owner.push(fact?.podOwner ?? '');
}

function pushNames({ columns }: ProcessesBlock, { enrichment }: BatchView, entry: number): void {
  columns.user_name.push(enrichment?.userNames[entry] ?? '');
  columns.login_user_name.push(enrichment?.loginUserNames[entry] ?? '');
}
