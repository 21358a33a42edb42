// Both charts on the cluster, as their READMEs say: secrets, volumes, then helm.
import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from '@norn/embedded';
import type { Cluster } from './cluster/cluster.ts';
import { nodeName, socketOf } from './cluster/site.ts';
import type { Images } from './images.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
export const charts = join(here, '../../deploy/helm');
const launcher = join(here, '../../norn');
export const namespace = 'norn';
/** Of all of Norn's images on the node. */
const tag = 'trial';
const imageUser = 10_001;
const storageClassName = 'trial';
const helmWait = ['--wait', '--timeout', '15m'];
export const agentState = '/var/lib/norn-kubernetes-agent';

/** Where the command line finds the installation's token. */
export const homeOf = ({ site }: Cluster): string => join(site.folder, 'home');

export async function loadImages(cluster: Cluster, images: Images, others: readonly string[]): Promise<void> {
  const named = (['agent', 'inside', 'pipeline', 'stores'] as const).map(
    (name) => [images[name], `norn/${name}:${tag}`] as const,
  );
  for (const [image, name] of named) await runCommand('docker', ['tag', image, name]);
  await cluster.load([...named.map(([, name]) => name), images.victim, ...others]);
}

/** What the API server says of a chart's objects, none of which it keeps. */
export async function dryRun(
  cluster: Cluster,
  chart: 'norn' | 'norn-agent',
  values: readonly string[],
): Promise<string> {
  const args = ['template', chart, join(charts, chart), '--validate', '--namespace', namespace, ...values];
  const rendered = await cluster.helm(...args);
  const file = join(cluster.site.folder, 'rendered.yaml');
  writeFileSync(file, rendered);
  return cluster.kubectl('--namespace', namespace, 'apply', '--dry-run=server', '--filename', file);
}

/** Chart norn with bundled stores, and its API on loopback. */
export async function install(cluster: Cluster, apiPort: number): Promise<void> {
  const secrets = join(homeOf(cluster), 'secrets');
  execFileSync(launcher, ['secrets', secrets, '--namespace', namespace], { stdio: 'pipe' });
  await cluster.apply(ownNamespace, ...volumes(cluster));
  await cluster.kubectl('-n', namespace, 'create', 'secret', 'generic', 'norn-secrets', `--from-file=${secrets}`);
  await cluster.helm('install', 'norn', join(charts, 'norn'), ...nornValues, ...helmWait, '--wait-for-jobs');
  await cluster.forward(namespace, 'norn-api', { from: apiPort, to: 7400 });
}

/** Waits until the new pods are ready and the job of the revision has run. */
export async function upgrade(cluster: Cluster, ...set: string[]): Promise<void> {
  const values = [...nornValues, ...set.flatMap((one) => ['--set', one])];
  await cluster.helm('upgrade', 'norn', join(charts, 'norn'), ...values, ...helmWait, '--wait-for-jobs');
}

/** Chart norn-agent: on every node, which is one. */
export async function installAgent(cluster: Cluster): Promise<void> {
  await giveJoinToken(cluster, namespace);
  await cluster.helm('install', 'norn-agent', join(charts, 'norn-agent'), ...agentValues(cluster), ...helmWait);
}

/** To agents of that namespace. */
export async function giveJoinToken(cluster: Cluster, where: string): Promise<void> {
  const secrets = join(homeOf(cluster), 'secrets');
  const files = ['join.token', 'authority.cert.pem'].map((file) => `--from-file=${join(secrets, file)}`);
  await cluster.kubectl('-n', where, 'create', 'secret', 'generic', 'norn-agent-join', ...files);
}

/** The patch that puts Norn inside a pod, filled in as its comment says. */
export function insidePatch(filled: Readonly<Record<string, string>>): string {
  const patch = readFileSync(join(here, '../../deploy/kubernetes/inside.patch.yaml'), 'utf8');
  const text = Object.entries(filled).reduce((whole, [place, value]) => whole.replaceAll(`<${place}>`, value), patch);
  return text.replaceAll(/norn\/(inside|agent):[\d.]+/g, `norn/$1:${tag}`);
}

/** Waits until every node has the agent of the new values. */
export async function upgradeAgent(cluster: Cluster, ...set: string[]): Promise<void> {
  const values = [...agentValues(cluster), ...set.flatMap((one) => ['--set', one])];
  await cluster.helm('upgrade', 'norn-agent', join(charts, 'norn-agent'), ...values, ...helmWait);
  await cluster.kubectl('-n', namespace, 'rollout', 'status', 'daemonset/norn-agent', '--timeout=5m');
}

/** The agents' pods need what is refused elsewhere. */
export const ownNamespace = namespaceOf(namespace, { 'pod-security.kubernetes.io/enforce': 'privileged' });

const nornValues: readonly string[] = [
  ...['--namespace', namespace, '--set', `images.tag=${tag}`],
  ...['--values', join(here, 'values-trial.yaml')],
];

function agentValues({ site }: Cluster): string[] {
  const set = [
    `image.tag=${tag}`,
    `stateDirectory=${agentState}`,
    `runtime.socketDirectory=${site.state}`,
    `runtime.socket=${socketOf(site).slice(site.state.length + 1)}`,
    // A machine may not have it itself; a container can not be given it then.
    ...(hasCapability(sysResource) ? [] : ['capabilities.SYS_RESOURCE=null']),
  ];
  return ['--namespace', namespace, ...set.flatMap((one) => ['--set', one])];
}

const sysResource = 24n;

function hasCapability(bit: bigint): boolean {
  const mask = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return ((BigInt(`0x${mask}`) >> bit) & 1n) === 1n;
}

export function namespaceOf(name: string, labels: Record<string, string> = {}): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

/** A folder of the node for each store: nothing here makes volumes. */
function volumes({ site }: Cluster): object[] {
  return ['kafka', 'clickhouse', 'postgres'].map((store) => {
    const path = join(site.folder, 'volumes', store);
    mkdirSync(path, { recursive: true });
    chownSync(path, imageUser, imageUser);
    const terms = [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [nodeName] }] }];
    return {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: store },
      spec: {
        capacity: { storage: '2Gi' },
        accessModes: ['ReadWriteOnce'],
        storageClassName,
        local: { path },
        nodeAffinity: { required: { nodeSelectorTerms: terms } },
      },
    };
  });
}
