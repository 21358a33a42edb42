// What is known of a batch's containers and users, entry by entry of its own tables. What is not known stays empty: a batch never waits.
import { create, toBinary } from '@bufbuild/protobuf';
import { type BatchView, event } from '@norn/contracts';
import type { HostDirectory } from './host-directory.ts';

/** Serialised BatchEnrichment. Throws `batch_malformed` when the columns cannot be read. */
export function enrichBatch({ columns }: BatchView, directory: HostDirectory | undefined): Uint8Array {
  const { strings, containers, processes } = columns;
  const facts: event.ContainerFact[] = [];
  for (const index of containers.id) {
    const containerId = strings.text(index);
    facts.push(directory?.containers.get(containerId) ?? create(event.ContainerFactSchema, { containerId }));
  }
  const userNames: string[] = [];
  for (let entry = 0; entry < processes.count; entry++) {
    // Users of a container are its own, not the host's, whatever their number.
    const isHost = processes.container[entry] === 0;
    userNames.push((isHost ? directory?.users[processes.userId[entry] ?? 0] : undefined) ?? '');
  }
  return toBinary(event.BatchEnrichmentSchema, create(event.BatchEnrichmentSchema, { containers: facts, userNames }));
}
