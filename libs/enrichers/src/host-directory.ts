// What is known of one host: its containers and users, as its agent last told. The whole state comes each time; the newest wins.
import { type event } from '@norn/contracts';

export interface HostDirectory {
  readonly observedAtUs: number;
  readonly containers: ReadonlyMap<string, event.ContainerFact>;
  readonly users: Users;
  /** By container, as each names its own. */
  readonly containerUsers: ReadonlyMap<string, Users>;
}

/** Names by uid. */
export type Users = Readonly<Record<number, string>>;

/** Containers that ended stay known, so late events of theirs have a name; this many of one host. */
export const endedContainersMax = 1024;

export function directoryOf(facts: event.HostFacts, before: HostDirectory | undefined): HostDirectory {
  const observedAtUs = Number(facts.observedAtUs);
  if (before !== undefined && observedAtUs < before.observedAtUs) return before;
  const containers = new Map<string, event.ContainerFact>();
  const containerUsers = new Map<string, Users>();
  for (const container of [...(before?.containers.values() ?? [])].slice(-endedContainersMax)) {
    containers.set(container.containerId, container);
    const users = before?.containerUsers.get(container.containerId);
    if (users !== undefined) containerUsers.set(container.containerId, users);
  }
  for (const { users, ...container } of facts.containers) {
    // The newest stand last, so the bound forgets the oldest.
    containers.delete(container.containerId);
    // A batch's processes have the names of theirs; to send all of them with each batch would be a waste.
    containers.set(container.containerId, { ...container, users: {} });
    if (Object.keys(users).length > 0) containerUsers.set(container.containerId, users);
  }
  return { observedAtUs, containers, users: facts.users, containerUsers };
}
