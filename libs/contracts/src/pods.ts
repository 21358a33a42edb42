// Labels of pods as rules, tables and filters have them: "app=web".
import type { ContainerFact } from './gen/norn/event/v1/event_pb.ts';

/** Sorted: a map has no order. */
export function podLabels(fact: Pick<ContainerFact, 'podLabels'> | undefined): string[] {
  return Object.entries(fact?.podLabels ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .sort();
}
