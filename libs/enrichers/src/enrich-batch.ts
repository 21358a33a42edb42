// What is known of a batch's containers and users, entry by entry of its own tables. What is not known stays empty: a batch never waits.
import { create, toBinary } from '@bufbuild/protobuf';
import { type BatchColumns, type BatchView, event, nobodyId } from '@norn/contracts';
import type { HostDirectory, Users } from './host-directory.ts';

/** Serialised BatchEnrichment. Throws `batch_malformed` when the columns cannot be read. */
export function enrichBatch({ columns }: BatchView, directory: HostDirectory | undefined): Uint8Array {
  const { strings, containers, processes } = columns;
  const facts: event.ContainerFact[] = [];
  for (const index of containers.id) {
    const containerId = strings.text(index);
    facts.push(directory?.containers.get(containerId) ?? create(event.ContainerFactSchema, { containerId }));
  }
  const names = namesOf(processes, directory, (entry) => facts[processes.container[entry] ?? 0]?.containerId ?? '');
  return toBinary(event.BatchEnrichmentSchema, create(event.BatchEnrichmentSchema, { containers: facts, ...names }));
}

/** Users of a container are its own, not the host's, whatever their number. Who logged in did so on the host. */
function namesOf(
  processes: BatchColumns['processes'],
  directory: HostDirectory | undefined,
  containerOf: (entry: number) => string,
) {
  const userNames: string[] = [];
  const loginUserNames: string[] = [];
  for (let entry = 0; entry < processes.count; entry++) {
    const container = containerOf(entry);
    const users = container === '' ? directory?.users : directory?.containerUsers.get(container);
    userNames.push(nameIn(users, processes.userId[entry]));
    loginUserNames.push(nameIn(directory?.users, processes.loginUserId[entry]));
  }
  return { userNames, loginUserNames: loginUserNames.some((name) => name !== '') ? loginUserNames : [] };
}

function nameIn(users: Users | undefined, id = nobodyId): string {
  return (id === nobodyId ? undefined : users?.[id]) ?? '';
}
