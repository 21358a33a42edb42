// What is known of one host: its containers and users, as its agent last told. The whole state comes each time; the newest wins.
import { type event } from '@norn/contracts';

export interface HostDirectory {
  readonly observedAtUs: number;
  readonly containers: ReadonlyMap<string, event.ContainerFact>;
  readonly users: Readonly<Record<number, string>>;
}

/** Containers that ended stay known, so late events of theirs have a name; this many of one host. */
export const endedContainersMax = 1024;

export function directoryOf(facts: event.HostFacts, before: HostDirectory | undefined): HostDirectory {
  const observedAtUs = Number(facts.observedAtUs);
  if (before !== undefined && observedAtUs < before.observedAtUs) return before;
  const containers = new Map<string, event.ContainerFact>();
  for (const container of [...(before?.containers.values() ?? [])].slice(-endedContainersMax)) {
    containers.set(container.containerId, container);
  }
  for (const container of facts.containers) {
    // The newest stand last, so the bound forgets the oldest.
    containers.delete(container.containerId);
    containers.set(container.containerId, container);
  }
  return { observedAtUs, containers, users: facts.users };
}
