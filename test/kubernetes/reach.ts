// Who reaches whom over the network: pods that listen, and what connects to them.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from './cluster/cluster.ts';
import { network } from './cluster/network.ts';
import type { Victim } from './pod-stage.ts';

const port = 8080;
const apiServerPort = 6443;
/** A packet that is dropped is not refused: this is how long it is waited for. */
const seconds = 3;

export interface Reach {
  readonly fromNode: boolean;
  readonly toNode: boolean;
  readonly toOther: boolean;
}

/** A file of the pod, by HTTP. */
export async function listenIn(cluster: Cluster, { namespace, pod }: Victim): Promise<void> {
  await inPod(cluster, { namespace, pod }, `httpd -p ${port} -h /etc`);
  const address = await addressOf(cluster, { namespace, pod });
  for (let attempt = 0; attempt < 20 && !(await nodeReaches(address)); attempt++) await sleep(200);
}

export async function reachOf(cluster: Cluster, pod: Victim, other: Victim): Promise<Reach> {
  const [own, others] = [await addressOf(cluster, pod), await addressOf(cluster, other)];
  const [fromNode, toNode, toOther] = await Promise.all([
    nodeReaches(own),
    podReaches(cluster, pod, { address: network.node, port: apiServerPort }),
    podReaches(cluster, pod, { address: others, port }),
  ]);
  return { fromNode, toNode, toOther };
}

async function addressOf(cluster: Cluster, { namespace, pod }: Victim): Promise<string> {
  return cluster.kubectl('-n', namespace, 'get', 'pod', pod, '-o', 'jsonpath={.status.podIP}');
}

/** By the shell, which has the commands in itself. */
function inPod(cluster: Cluster, { namespace, pod }: Victim, command: string): Promise<string> {
  return cluster.kubectl('-n', namespace, 'exec', pod, '--', '/bin/sh', '-c', command);
}

function nodeReaches(address: string): Promise<boolean> {
  return fetch(`http://${address}:${port}/passwd`, { signal: AbortSignal.timeout(seconds * 1_000) }).then(
    ({ ok }) => ok,
    () => false,
  );
}

function podReaches(cluster: Cluster, pod: Victim, to: { address: string; port: number }): Promise<boolean> {
  return inPod(cluster, pod, `nc -w ${seconds} ${to.address} ${to.port} </dev/null`).then(
    () => true,
    () => false,
  );
}
