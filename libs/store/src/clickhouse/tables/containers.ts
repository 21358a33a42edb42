// Rows of `containers`: what the runtime said of each.
import { podLabels, type event } from '@norn/contracts';
import { NativeBlock } from '../native/block.ts';
import { type RowOwner, low, lows, pushTexts, text, time } from './column-kinds.ts';

export function createContainersBlock() {
  return new NativeBlock('containers', {
    tenant_id: low(),
    host_id: low(),
    container_id: low(),
    name: text(),
    image: text(),
    image_id: text(),
    image_digest: text(),
    runtime: low(),
    pod_name: text(),
    pod_namespace: text(),
    pod_uid: text(),
    pod_labels: lows(),
    pod_owner: text(),
    service_account: low(),
    started_at: time(),
    ended_at: time(),
    observed_at: time(),
  });
}

export type ContainersBlock = ReturnType<typeof createContainersBlock>;

export function pushContainer(
  block: ContainersBlock,
  owner: RowOwner,
  container: event.ContainerFact,
  observedAtUs: number,
): void {
  const { columns } = block;
  columns.tenant_id.push(owner.tenantId);
  columns.host_id.push(owner.hostId);
  columns.container_id.push(container.containerId);
  columns.name.push(container.name);
  columns.image.push(container.image);
  columns.image_id.push(container.imageId);
  columns.image_digest.push(container.imageDigest);
  columns.runtime.push(container.runtime);
  columns.pod_name.push(container.podName);
  columns.pod_namespace.push(container.podNamespace);
  pushPod(columns, container);
  columns.started_at.push(Number(container.startedAtUs));
  columns.ended_at.push(Number(container.endedAtUs));
  columns.observed_at.push(observedAtUs);
  block.rows += 1;
}

function pushPod(columns: ContainersBlock['columns'], container: event.ContainerFact): void {
  columns.pod_uid.push(container.podUid);
  pushTexts(columns.pod_labels, podLabels(container));
  columns.pod_owner.push(container.podOwner);
  columns.service_account.push(container.serviceAccount);
}
