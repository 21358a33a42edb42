// A pod as the stage of an attack.
import { setTimeout as sleep } from 'node:timers/promises';
import { imageCorpus } from '../attack/rootfs.ts';
import type { Scene } from '../attack/stage.ts';
import type { Cluster } from './cluster/cluster.ts';

export interface Victim {
  readonly namespace: string;
  readonly pod: string;
}

/** Full id of the pod's only container. */
export async function containerIdOf(cluster: Cluster, { namespace, pod }: Victim): Promise<string> {
  const path = 'jsonpath={.status.containerStatuses[0].containerID}';
  return (await cluster.kubectl('-n', namespace, 'get', 'pod', pod, '-o', path)).replace('containerd://', '');
}

export async function openPodStage(cluster: Cluster, victim: Victim): Promise<Scene> {
  const exec = ['-n', victim.namespace, 'exec', victim.pod, '--'];
  return {
    description: `pod ${victim.namespace}/${victim.pod}`,
    containerId: await containerIdOf(cluster, victim),
    corpus: imageCorpus,
    ask: (args) => cluster.kubectl(...exec, '/bin/norn-attack', ...args),
    launch: async (line) => {
      // It ends badly: what it runs is killed.
      const ended = cluster.kubectl(...exec, '/bin/sh', '-c', line).catch(() => '');
      await Promise.race([ended, sleep(1_000)]);
    },
  };
}
