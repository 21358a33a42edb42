// A host as people see it.
import { create } from '@bufbuild/protobuf';
import { event, podLabels, view } from '@norn/contracts';
import type { Host } from '@norn/store';
import { ofPod, podView } from '../model/container/pod.view.ts';
import { placeName } from '../model/host/host.queries.ts';
import type { HostState } from '../model/host/host-state.ts';
import { timeOf, timeOfDate } from '../model/words.ts';
import { hostFigures } from './host-figures.view.ts';
import { type NewestHostPolicy, hostPolicyView } from './host-policy.view.ts';
import type { GapRow, QuarantinedRow } from './hosts.queries.ts';

export interface HostContext {
  readonly newestPolicy: NewestHostPolicy | undefined;
  readonly openAlerts: number;
  readonly gaps: readonly GapRow[];
  readonly quarantined: readonly QuarantinedRow[];
}

export function hostView(
  { host, facts, state, reason, isMaintained }: HostState,
  { newestPolicy, openAlerts, gaps, quarantined }: HostContext,
): view.HostView {
  const health = facts.health ?? create(event.AgentHealthSchema);
  return create(view.HostViewSchema, {
    id: host.id,
    name: host.name,
    state,
    reason,
    kind: facts.containerId === '' ? 'machine' : 'container',
    containerId: facts.containerId,
    lastSeenAt: timeOfDate(host.lastSeenAt),
    reportedAt: timeOf(facts.observedAtUs),
    enrolledAt: timeOfDate(host.enrolledAt),
    maintenanceUntil: isMaintained ? timeOfDate(host.maintenanceUntil) : '',
    agentVersion: facts.agentVersion,
    kernel: facts.kernel,
    os: facts.os,
    capabilities: facts.capabilities.map(({ name, available, mechanism, detail, verified }) => ({
      name,
      available,
      mechanism,
      detail,
      verified,
    })),
    eventsTotal: Number(health.eventsTotal),
    eventsLost: Number(health.eventsLost),
    baldurRssBytes: Number(health.baldurRssBytes),
    tyrRssBytes: Number(health.tyrRssBytes),
    vaultBytes: Number(health.vaultBytes),
    vaultFiles: Number(health.vaultFiles),
    vaultBytesMax: Number(health.vaultBytesMax),
    vaultRestorable: Number(health.vaultRestorable),
    vaultEvicted: Number(health.vaultEvicted),
    vaultTooLarge: Number(health.vaultTooLarge),
    vaultFilesPresent: Number(health.vaultFilesPresent),
    vaultFilesUnkept: Number(health.vaultFilesUnkept),
    vaultFilesCountedAt: timeOf(health.vaultFilesCountedAtUs),
    placesWatched: Number(health.placesWatched),
    placesUnwatched: Number(health.placesUnwatched),
    unwatchedPlaces: health.unwatchedPlaces.map(({ path, reason }) => ({ path, reason })),
    holdsDropped: Number(health.holdsDropped),
    mountsRefused: Number(health.mountsRefused),
    batchesSpooled: Number(health.batchesSpooled),
    spoolBytes: Number(health.spoolBytes),
    permissionTimeouts: Number(health.permissionTimeouts),
    baldurRestarts: Number(health.baldurRestarts),
    containers: facts.containers.map((fact) => containerOfFact(fact, host)),
    openAlerts,
    gaps: gaps.map(gapView),
    quarantine: quarantined.map(quarantinedView),
    policy: hostPolicyView(facts, newestPolicy),
    figures: hostFigures(health),
  });
}

export function containerOfFact(fact: event.ContainerFact, host: Host): view.ContainerView {
  return create(view.ContainerViewSchema, {
    containerId: fact.containerId,
    name: fact.name,
    image: fact.image,
    imageId: fact.imageId,
    runtime: fact.runtime,
    podName: fact.podName,
    podNamespace: fact.podNamespace,
    imageDigest: fact.imageDigest,
    ...ofPod(podView({ ...fact, podLabels: podLabels(fact) })),
    startedAt: timeOf(fact.startedAtUs),
    endedAt: timeOf(fact.endedAtUs),
    hostId: host.id,
    hostName: host.name,
    running: fact.endedAtUs === 0n,
  });
}

function gapView(row: GapRow): view.GapView {
  return create(view.GapViewSchema, {
    time: timeOf(Number(row.us)),
    events: Number(row.events),
    place: placeName(row.place),
    durationMs: row.durationMs,
  });
}

function quarantinedView(row: QuarantinedRow): view.QuarantinedView {
  return create(view.QuarantinedViewSchema, {
    sha256: row.sha256,
    path: row.path,
    containerId: row.containerId,
    alertId: row.alertId,
    verdict: row.lastVerdict,
    size: Number(row.lastSize),
    decidedAt: timeOf(Number(row.decidedUs)),
  });
}
