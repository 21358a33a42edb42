// A pod as people see it: from the runtime's own words, stored or just told.
import { create } from '@bufbuild/protobuf';
import { view } from '@norn/contracts';

export interface ToldOfPod {
  readonly podName: string;
  readonly podUid: string;
  readonly podLabels: readonly string[];
  readonly podOwner: string;
  readonly serviceAccount: string;
}

/** Undefined for a container outside of pods. */
export function podView(told: ToldOfPod | undefined): view.PodView | undefined {
  if (told === undefined || told.podName === '') return undefined;
  const labels = told.podLabels.map((label) => {
    const middle = label.indexOf('=');
    return [label.slice(0, middle), label.slice(middle + 1)] as const;
  });
  return create(view.PodViewSchema, {
    uid: told.podUid,
    labels: Object.fromEntries(labels),
    owner: told.podOwner,
    serviceAccount: told.serviceAccount,
  });
}

/** A field that is absent and not undefined. */
export function ofPod(pod: view.PodView | undefined): { pod?: view.PodView } {
  return pod === undefined ? {} : { pod };
}
