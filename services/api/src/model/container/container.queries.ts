// What stored events say of containers.
import type { TenantQueryParts } from '@norn/store';

export interface ContainerRow {
  containerId: string;
  hostId: string;
  name: string;
  image: string;
  imageId: string;
  runtime: string;
  podName: string;
  podNamespace: string;
  imageDigest: string;
  podUid: string;
  /** "app=web". */
  podLabels: string[];
  podOwner: string;
  serviceAccount: string;
  startedUs: number | string;
  endedUs: number | string;
}

export const containerColumns = [
  'container_id AS containerId, host_id AS hostId, name, image, image_id AS imageId, runtime',
  'pod_name AS podName, pod_namespace AS podNamespace, image_digest AS imageDigest, pod_uid AS podUid',
  'pod_labels AS podLabels, pod_owner AS podOwner, service_account AS serviceAccount',
  'toUnixTimestamp64Micro(started_at) AS startedUs, toUnixTimestamp64Micro(ended_at) AS endedUs',
];

/** What the runtime said last of containers. */
export function containersByIdQuery(containerIds: readonly string[], hostId = ''): TenantQueryParts {
  return {
    select: containerColumns,
    from: 'containers',
    final: true,
    // With its host the primary key finds it.
    where: ["({host:String} = '' OR host_id = {host:String})", 'has({ids:Array(String)}, container_id)'],
    parameters: { ids: containerIds, host: hostId },
    limit: 500,
  };
}
