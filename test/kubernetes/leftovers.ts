// What of a chart is still in the cluster after it was taken off.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from './cluster/cluster.ts';

const pollMs = 1_000;
const pollsMax = 60;

/** Of every kind that can be listed, in every namespace and outside of them; what is just ending is waited for. */
export async function helmLeftovers(cluster: Cluster, release: string): Promise<string[]> {
  const listed = await cluster.kubectl('api-resources', '--verbs=list', '--output=name');
  const kinds = listed
    .split('\n')
    .filter((kind) => kind !== '' && !kind.startsWith('events'))
    .join(',');
  const selectors = [`app.kubernetes.io/instance=${release}`, `owner=helm,name=${release}`];
  for (let attempt = 0; ; attempt++) {
    const found = await Promise.all(
      selectors.map((labels) => cluster.kubectl('get', kinds, '-A', '-l', labels, '-o', 'name', '--ignore-not-found')),
    );
    const names = found.join('\n').split('\n').filter(Boolean);
    const waits = names.some((name) => !name.startsWith('persistentvolumeclaim/'));
    if (!waits || attempt === pollsMax) return names;
    await sleep(pollMs);
  }
}
