// What runs in the cluster besides Norn: the pods that are attacked, and workloads of other kinds.
import type { Victim } from './pod-stage.ts';

/** Whom the victim's pod speaks as. */
export const account = 'cashier';

export function accountOf({ namespace: where }: Victim): object {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: account, namespace: where } };
}

export function podOf({ namespace: where, pod }: Victim, image: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: pod, namespace: where, labels: { app: pod, tier: 'front' } },
    spec: {
      serviceAccountName: account,
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'till', image, imagePullPolicy: 'Never', command: ['/bin/norn-attack', 'hold'] }],
    },
  };
}

/** Its first run is there within a minute, and goes on. */
export function nightlyOf(where: string, image: string): object {
  const nightly = { name: 'nightly', image, imagePullPolicy: 'Never', command: ['/bin/sleep', '3000'] };
  const spec = { restartPolicy: 'Never', terminationGracePeriodSeconds: 1, containers: [nightly] };
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'nightly', namespace: where },
    spec: { schedule: '* * * * *', concurrencyPolicy: 'Forbid', jobTemplate: { spec: { template: { spec } } } },
  };
}

/** An application of its own, before Norn comes into it. */
export function kioskOf(where: string, image: string): object {
  const labels = { app: 'kiosk' };
  const kiosk = { name: 'kiosk', image, imagePullPolicy: 'Never', command: ['/bin/sh', '-c', 'sleep 1000'] };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'kiosk', namespace: where },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: 1, containers: [kiosk] } },
    },
  };
}
