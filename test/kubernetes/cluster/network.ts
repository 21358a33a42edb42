// The cluster's network: a namespace of its own, so that its ports, its rules and its routes are gone with it.
import { runCommand } from '@norn/embedded';

const namespace = 'norn-kubernetes';
const link = 'norn-kube0';
const hostAddress = '10.201.0.1';

export const network = {
  /** The node, and everything that runs on it. */
  node: '10.201.0.2',
  pods: '10.202.0.0/24',
  services: '10.203.0.0/24',
  /** The API server's, the first of the services. */
  kubernetes: '10.203.0.1',
} as const;

/** The words before a command that put it into the namespace; the mounts stay the host's. */
export const inside: readonly string[] = ['nsenter', `--net=/run/netns/${namespace}`];

const ip = (...args: string[]): Promise<string> => runCommand('ip', args);
const ipInside = (...args: string[]): Promise<string> => ip('-n', namespace, ...args);

export async function makeNetwork(): Promise<void> {
  await removeNetwork();
  await ip('netns', 'add', namespace);
  await ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
  await ip('address', 'add', `${hostAddress}/30`, 'dev', link);
  await ip('link', 'set', link, 'up');
  await ipInside('address', 'add', `${network.node}/30`, 'dev', 'eth0');
  for (const within of [network.pods, network.services]) await ip('route', 'add', within, 'via', network.node);
  await ipInside('link', 'set', 'lo', 'up');
  await ipInside('link', 'set', 'eth0', 'up');
  // Goes nowhere, but there has to be one: the parts of Kubernetes look for theirs by it.
  await ipInside('route', 'add', 'default', 'via', hostAddress);
  const [command = '', ...words] = inside;
  await runCommand(command, [...words, 'sysctl', '-q', '-w', 'net.ipv4.ip_forward=1']);
}

/** Nothing when there is none. */
export async function removeNetwork(): Promise<void> {
  const known = await ip('netns', 'list');
  if (known.split('\n').some((line) => line.split(' ')[0] === namespace)) await ip('netns', 'delete', namespace);
}
