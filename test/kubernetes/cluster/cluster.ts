// A Kubernetes of one node on this machine, from start to end. Its parts are processes of the test: they end with it.
import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Kubernetes } from '@norn/cli';
import { lock, runCommand, startPart, type Part } from '@norn/embedded';
import { controlPlane } from './control-plane.ts';
import { forward } from './forward.ts';
import { clearTraces, keepKernelSettings } from './leave-nothing.ts';
import { inside, makeNetwork, removeNetwork } from './network.ts';
import { ctr, nodeParts } from './node.ts';
import { writePapers } from './papers.ts';
import { nodeName, type PartOfCluster, type Site } from './site.ts';

const run = promisify(execFile);

const folder = '/var/lib/norn-kubernetes';
const state = '/run/norn-kubernetes';
const readyWithinMs = 120_000;
const podsEndWithinMs = 60_000;
const pollMs = 500;
/** A manifest of the corpus is larger than what runCommand keeps. */
const outputBytesMax = 64 * 1024 * 1024;

export interface Cluster {
  readonly site: Site;
  kubectl(...args: string[]): Promise<string>;
  /** Creates or changes what these objects describe. */
  apply(...objects: object[]): Promise<void>;
  helm(...args: string[]): Promise<string>;
  /** Gives images of the local Docker to the node. */
  load(images: readonly string[]): Promise<void>;
  /** A port of a service on loopback, as long as the cluster lives. */
  forward(namespace: string, service: string, ports: { from: number; to: number }): Promise<void>;
  stop(): Promise<void>;
}

export async function startCluster(kubernetes: Kubernetes): Promise<Cluster> {
  const site: Site = { kubernetes, folder, state };
  const release = await lock('/tmp/norn-kubernetes.lock');
  const restoreKernelSettings = keepKernelSettings();
  await clearTraces(site);
  for (const one of [folder, state]) mkdirSync(one, { recursive: true, mode: 0o711 });
  await makeNetwork();
  const papers = await writePapers(join(folder, 'papers'));
  const running: Part[] = [];
  const said = commands(site, papers.kubeconfig);
  const forwards: (() => void)[] = [];
  const stop = async (): Promise<void> => {
    for (const endForward of forwards) endForward();
    await end(site, running, said);
    restoreKernelSettings();
    release();
  };
  try {
    for (const part of [...controlPlane(site, papers), ...nodeParts(site, papers)])
      running.push(await start(site, part));
    await untilNodeIsReady(said);
    const forwardPort: Cluster['forward'] = async (namespace, service, { from, to }) => {
      const host = await said.kubectl('-n', namespace, 'get', 'service', service, '-o', 'jsonpath={.spec.clusterIP}');
      forwards.push(await forward(from, { host, port: to }));
    };
    return { ...said, forward: forwardPort, site, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function start(site: Site, { name, program, args, isReady }: PartOfCluster): Promise<Part> {
  const [enter = '', ...words] = inside;
  return startPart({
    capabilities: 'all',
    name,
    command: enter,
    args: [...words, ...(program ? [program] : [site.kubernetes.program, name]), ...args],
    cwd: site.folder,
    logFile: join(site.folder, 'logs', `${name}.log`),
    lockFile: join(site.folder, `${name}.lock`),
    stopSignal: 'SIGTERM',
    isReady: () => endsWell([...inside, ...isReady]),
    readyWithinMs,
  });
}

function endsWell([command = '', ...args]: readonly string[]): Promise<boolean> {
  return run(command, args).then(
    () => true,
    () => false,
  );
}

type Commands = Pick<Cluster, 'kubectl' | 'apply' | 'helm' | 'load'>;

function commands(site: Site, kubeconfig: string): Commands {
  const { program, helm } = site.kubernetes;
  const env = { ...process.env, KUBECONFIG: kubeconfig, HELM_CACHE_HOME: join(site.folder, 'helm') };
  const say = async (command: string, args: readonly string[]): Promise<string> =>
    (await run(command, args, { env, maxBuffer: outputBytesMax })).stdout;
  const kubectl = (...args: string[]): Promise<string> => say(program, ['kubectl', ...args]);
  return {
    kubectl,
    apply: async (...objects) => {
      const file = join(site.folder, 'objects.json');
      writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
      await kubectl('apply', '-f', file);
    },
    helm: (...args) => say(helm, args),
    load: async (images) => {
      const archive = join(site.folder, 'images.tar');
      await runCommand('docker', ['save', '--output', archive, ...images]);
      const [command = '', ...words] = ctr(site, 'images', 'import', archive);
      await runCommand(command, words);
      rmSync(archive);
      await giveDigests(site);
    },
  };
}

/** Each image by its digest too, as one that was pulled has it. */
async function giveDigests(site: Site): Promise<void> {
  const [command = '', ...list] = ctr(site, 'images', 'ls');
  const { stdout } = await run(command, list);
  for (const line of stdout.split('\n').slice(1)) {
    const [name = '', , digest = ''] = line.split(/\s+/);
    if (!digest.startsWith('sha256:') || name.includes('@')) continue;
    const [, ...tag] = ctr(site, 'images', 'tag', '--force', name, `${name.replace(/:[^/:]*$/, '')}@${digest}`);
    await run(command, tag);
  }
}

async function untilNodeIsReady({ kubectl }: Commands): Promise<void> {
  const deadline = performance.now() + readyWithinMs;
  const wait = ['wait', '--for=condition=Ready', `node/${nodeName}`, '--timeout=30s'];
  for (;;) {
    // It registers itself a moment after it runs.
    const ready = await kubectl(...wait).then(
      () => true,
      () => false,
    );
    if (ready) return;
    if (performance.now() > deadline) throw new Error(`The node is not ready:\n${await kubectl('describe', 'nodes')}`);
    await sleep(pollMs);
  }
}

/** Who makes pods first, then the pods, then who runs them: nothing is left that nobody would end. */
async function end(site: Site, running: readonly Part[], { kubectl }: Commands): Promise<void> {
  const named = (...names: string[]): Part[] => running.filter(({ name }) => names.includes(name));
  const last = named('etcd', 'apiserver', 'containerd', 'kubelet');
  for (const part of running.filter((one) => !last.includes(one)).reverse()) await part.stop();
  if (last.length > 0) await endPods(site, kubectl);
  for (const name of ['kubelet', 'apiserver', 'etcd', 'containerd'])
    for (const part of named(name)) {
      if (name === 'containerd') await removeTasks(site);
      await part.stop();
    }
  await removeNetwork();
  await clearTraces(site);
}

async function endPods(site: Site, kubectl: Commands['kubectl']): Promise<void> {
  const all = ['delete', 'pods', '--all', '--all-namespaces', '--grace-period=3', '--wait=false'];
  await kubectl(...all).catch((error: unknown) => {
    process.stderr.write(`The pods could not be deleted: ${String(error)}\n`);
  });
  const deadline = performance.now() + podsEndWithinMs;
  while ((await tasksOf(site)).length > 0 && performance.now() < deadline) await sleep(pollMs);
}

async function tasksOf(site: Site): Promise<string[]> {
  const [command = '', ...args] = ctr(site, 'tasks', 'ls', '--quiet');
  return (await run(command, args).catch(() => ({ stdout: '' }))).stdout.split('\n').filter(Boolean);
}

/** What the kubelet did not end in its time. */
async function removeTasks(site: Site): Promise<void> {
  for (const id of await tasksOf(site)) await endsWell(ctr(site, 'tasks', 'delete', '--force', id));
}
