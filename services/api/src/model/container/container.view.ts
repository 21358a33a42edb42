// A stored container fact as people see it.
import { create } from '@bufbuild/protobuf';
import { view } from '@norn/contracts';
import type { ContainerRow } from './container.queries.ts';
import { ofPod, podView } from './pod.view.ts';
import { timeOf } from '../words.ts';

export function containerView(row: ContainerRow, hostName: string, openAlerts: number): view.ContainerView {
  return create(view.ContainerViewSchema, {
    containerId: row.containerId,
    name: row.name,
    image: row.image,
    imageId: row.imageId,
    runtime: row.runtime,
    podName: row.podName,
    podNamespace: row.podNamespace,
    imageDigest: row.imageDigest,
    ...ofPod(podView(row)),
    startedAt: timeOf(Number(row.startedUs)),
    endedAt: timeOf(Number(row.endedUs)),
    hostId: row.hostId,
    hostName,
    openAlerts,
    running: Number(row.endedUs) === 0,
  });
}
