// Norn where containers run: both charts on a real Kubernetes, an attack in a pod, and nothing left when they are taken off.
import { readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectApi, provideKubernetes, waitForAgent, type ApiClient } from '@norn/cli';
import type { ShownAlert, ShownAlertDetail, ShownCommand, ShownContainer, ShownHost } from '@norn/contracts';
import { playAttack, type AttackReport } from '../attack/play.ts';
import { imageCorpus } from '../attack/rootfs.ts';
import { startCluster, type Cluster } from './cluster/cluster.ts';
import { pauseImage } from './cluster/node.ts';
import { nodeName } from './cluster/site.ts';
import { provideImages, type Images } from './images.ts';
import {
  agentState,
  charts,
  dryRun,
  giveJoinToken,
  homeOf,
  insidePatch,
  install,
  installAgent,
  loadImages,
  namespace,
  namespaceOf,
  ownNamespace,
  upgrade,
  upgradeAgent,
} from './installation.ts';
import { account, accountOf, kioskOf, nightlyOf, podOf } from './manifests.ts';
import { listenIn, reachOf } from './reach.ts';
import { startCountedStream, storedOf } from './counted-stream.ts';
import { helmLeftovers } from './leftovers.ts';
import { containerIdOf, openPodStage, type Victim } from './pod-stage.ts';

const apiPort = 7960;
const agentWithinMs = 180_000;
const pollMs = 500;
const pollsMax = 60;
const shop: Victim = { namespace: 'shop', pod: 'till' };
const neighbour: Victim = { namespace: 'shop', pod: 'bank' };
const everybody = { fromNode: true, toNode: true, toOther: true };
const nobody = { fromNode: false, toNode: false, toOther: false };

jest.setTimeout(1_800_000);

interface ShownAlertList {
  readonly alerts: readonly ShownAlert[];
}

/** What the host says of itself when it knows pods. */
const cri = expect.objectContaining({ name: 'containers.cri', available: true }) as unknown;

describe('on a real Kubernetes', () => {
  let images: Images;
  let cluster: Cluster;
  let api: ApiClient;
  let before: Traces;
  let alertId = '';

  beforeAll(async () => {
    const kubernetes = await provideKubernetes((line) => process.stderr.write(`${line}\n`));
    images = await provideImages();
    before = traces();
    cluster = await startCluster(kubernetes);
    await loadImages(cluster, images, [pauseImage]);
    await cluster.apply(ownNamespace);
    process.env['NORN_HOME'] = homeOf(cluster);
    process.env['NORN_PORT_BASE'] = String(apiPort);
  });
  afterAll(async () => {
    await (cluster as Cluster | undefined)?.stop();
  });

  const watches = async (since?: Date) => {
    const host = await waitForAgent(api, { withinMs: agentWithinMs, ...(since ? { since } : {}) });
    // The node's name, and not the machine's.
    expect(host).toMatchObject({ name: nodeName, capabilities: expect.arrayContaining([cri]) });
  };

  const attack = async (): Promise<AttackReport> => {
    const stage = await openPodStage(cluster, shop);
    return playAttack({ scenario: 'ransomware', pace: { mode: 'in-place' }, stage }, () => undefined);
  };

  const distributions = (chart: string, ...names: string[]): [string, string[]][] =>
    names.map((name) => [name, ['--values', join(charts, chart, `values-${name}.yaml`)]]);
  const trial = ['--set', 'bundled.enabled=true,autoscaling.enabled=true,ingress.enabled=true'];

  it.each<[string, string[]]>([
    ['the defaults', []],
    // Of OpenShift's own kinds this API server knows nothing.
    ['openshift', ['--values', join(charts, 'norn-agent/values-openshift.yaml'), '--set', 'openshift.scc=']],
    ...distributions('norn-agent', 'rke2', 'k3s', 'tanzu'),
    ['taking it off', ['--set', 'cleanUp=true']],
  ])('has a chart norn-agent that the API server takes: %s', async (_, values) => {
    expect(await dryRun(cluster, 'norn-agent', values)).toContain('daemonset.apps/norn-agent created (server dry run)');
  });

  it.each<[string, string[]]>([
    ['bundled', trial],
    ['openshift', [...trial, '--values', join(charts, 'norn/values-openshift.yaml')]],
  ])('has a chart norn that the API server takes: %s', async (_, values) => {
    const said = (await dryRun(cluster, 'norn', values)).split('\n').filter(Boolean);
    expect(said.filter((line) => !line.endsWith(' created (server dry run)'))).toEqual([]);
    expect(said).toContain('deployment.apps/norn-detection created (server dry run)');
  });

  it('starts the installation from its chart, and shows the console', async () => {
    await install(cluster, apiPort);
    api = await connectApi();
    expect(await (await fetch(api.url)).text()).toContain('<div id="root">');
  });

  it('protects the node from a DaemonSet that is not privileged', async () => {
    await installAgent(cluster);
    await watches();
  });

  it('stops an attack in a pod, puts every file back and says which pod it was', async () => {
    const pods = [shop, neighbour].map((one) => podOf(one, images.victim));
    await cluster.apply(
      namespaceOf(shop.namespace),
      accountOf(shop),
      ...pods,
      nightlyOf(shop.namespace, images.victim),
    );
    await cluster.kubectl(
      '-n',
      shop.namespace,
      'wait',
      '--for=condition=Ready',
      'pod',
      '-l',
      'tier=front',
      '--timeout=2m',
    );
    const report = await attack();
    alertId = report.alertId;
    expect(report).toMatchObject({ problems: [], passed: true, severity: 'critical', state: 'remediated' });
    expect(report.verdict).toMatchObject({ identical: true, files: 301 });
    expect(report.files).toMatchObject({ lost: 0, conflict: 0 });
    expect(await alertOnceAccountIsKnown(api, report.alertId)).toMatchObject({
      containerId: await containerIdOf(cluster, shop),
      podName: shop.pod,
      podNamespace: shop.namespace,
      hostName: nodeName,
      imageDigest: await imageDigestOf(cluster, shop),
      pod: { labels: { app: 'till', tier: 'front' }, owner: 'Pod/till', serviceAccount: account },
    });
    const found = async (filter: string): Promise<number> =>
      (await api.get<ShownAlertList>(`/alerts?${filter}`)).alerts.length;
    expect(await found('namespace=shop&label=app%3Dtill')).toBe(1);
    expect(await found('namespace=kube-system')).toBe(0);
    expect(await found('workload=Pod/till')).toBe(1);
    expect(await found('workload=Pod/bank')).toBe(0);
  });

  it('takes one pod off the network, and neither its neighbour nor the node', async () => {
    for (const pod of [shop, neighbour]) await listenIn(cluster, pod);
    expect(await reachOf(cluster, shop, neighbour)).toEqual(everybody);
    expect(await reachOf(cluster, neighbour, shop)).toEqual(everybody);
    await act(api, alertId, 'isolate');
    expect(await reachOf(cluster, shop, neighbour)).toEqual(nobody);
    // All but the pod that is isolated.
    expect(await reachOf(cluster, neighbour, shop)).toEqual({ ...everybody, toOther: false });
    await act(api, alertId, 'rejoin');
    expect(await reachOf(cluster, shop, neighbour)).toEqual(everybody);
    expect(await reachOf(cluster, neighbour, shop)).toEqual(everybody);
  });

  it('kills one container: Kubernetes starts it anew, and its neighbour goes on', async () => {
    await act(api, alertId, 'kill-container');
    await untilEqual(() => restartsOf(cluster, shop), 1);
    expect(await restartsOf(cluster, neighbour)).toBe(0);
    await cluster.kubectl('-n', shop.namespace, 'wait', '--for=condition=Ready', `pod/${shop.pod}`, '--timeout=2m');
  });

  it('loses and doubles no event while the installation is upgraded', async () => {
    const stages = await podsOfStages(cluster);
    const stream = await startCountedStream(cluster, neighbour);
    await upgrade(cluster, 'environment.NORN_LOG_LEVEL=warn');
    const sent = await stream.end();
    expect(sent).toBeGreaterThan(100);
    expect(await storedOf(cluster, sent)).toEqual({ starts: sent, numbers: sent });
    const after = await podsOfStages(cluster);
    expect(after).toHaveLength(stages.length);
    expect(after.filter((pod) => stages.includes(pod))).toEqual([]);
    const migrated = ['get', 'job', 'norn-prepare-2', '-o', 'jsonpath={.status.succeeded}'];
    expect(await cluster.kubectl('-n', namespace, ...migrated)).toBe('1');
  });

  it('goes on protecting after an upgrade', async () => {
    const since = new Date();
    expect(await ownerOnceNightlyRuns(api)).toMatch(/^Job\/nightly-\d+$/);
    await upgradeAgent(cluster, ...withWorkloads);
    await watches(since);
    expect(await attack()).toMatchObject({ problems: [], passed: true, files: { lost: 0, conflict: 0 } });
  });

  it('says what stands above a job, when the API server may be asked', async () => {
    await untilEqual(() => ownerOfNightly(api), 'CronJob/nightly');
    expect(await workloadsOf(api)).toMatchObject({ available: true, mechanism: 'kubernetes' });
  });

  it('goes on without the API server: labels tell, and the host says why', async () => {
    await cluster.kubectl('delete', 'clusterrolebinding', 'norn-norn-agent-workloads');
    const since = new Date();
    await cluster.kubectl('-n', namespace, 'rollout', 'restart', 'daemonset/norn-agent');
    await cluster.kubectl('-n', namespace, 'rollout', 'status', 'daemonset/norn-agent', '--timeout=5m');
    await watches(since);
    await untilEqual(async () => (await workloadsOf(api))?.available, false);
    expect((await workloadsOf(api))?.detail).toContain('GET /api/v1/pods (403)');
    expect(await attack()).toMatchObject({ problems: [], passed: true, files: { lost: 0, conflict: 0 } });
  });

  it('leaves nothing of the agent on the node', async () => {
    await upgradeAgent(cluster, ...withWorkloads, 'cleanUp=true');
    await cluster.helm('uninstall', 'norn-agent', '--namespace', namespace, '--wait');
    expect(readdirSync(agentState)).toEqual([]);
    rmdirSync(agentState);
    expect(traces()).toEqual(before);
    expect(await helmLeftovers(cluster, 'norn-agent')).toEqual([]);
  });

  it('protects a pod from within, by a patch, where the node has no agent', async () => {
    const { namespace: where } = shop;
    await cluster.apply(kioskOf(where, images.victim));
    await giveJoinToken(cluster, where);
    const attack = `/bin/norn-attack ransomware ${imageCorpus} --mode in-place`;
    const patch = insidePatch({
      container: 'kiosk',
      folders: imageCorpus,
      entrypoint: `/bin/sh, -c, ${JSON.stringify(`sleep 5; ${attack}; sleep 1000`)}`,
      'norn-ingest.norn.svc:7401': 'norn-ingest.norn.svc:7401',
      'norn-ingest.norn.svc:7408': 'norn-ingest.norn.svc:7408',
      uid: '0',
    });
    await cluster.kubectl('-n', where, 'patch', 'deployment', 'kiosk', '--patch', patch);
    const alert = await alertOnceRemediated(api);
    expect(alert).toMatchObject({ severity: 'critical', files: { lost: 0, conflict: 0 } });
    expect(alert.files.restored).toBeGreaterThan(0);
    const { hosts } = await api.get<{ hosts: readonly ShownHost[] }>('/hosts');
    expect(hosts.find(({ id }) => id === alert.hostId)).toMatchObject({ kind: 'container' });
    expect(alert.containerId).toMatch(/^[0-9a-f]{64}$/);
  });

  it('leaves nothing of the installation', async () => {
    await cluster.helm('uninstall', 'norn', '--namespace', namespace, '--wait');
    // What was stored stays, as its README says.
    const volumes = /^persistentvolumeclaim\/data-norn-/;
    expect((await helmLeftovers(cluster, 'norn')).filter((name) => !volumes.test(name))).toEqual([]);
  });
});

const withWorkloads = ['maxUnavailable=1', 'resources.requests.cpu=50m', 'workloads.enabled=true'];

/** As a person who presses the button; until the host has done it. */
async function act(api: ApiClient, id: string, action: 'isolate' | 'rejoin' | 'kill-container'): Promise<void> {
  const { id: command } = await api.post<ShownCommand>(`/alerts/${id}/${action}`);
  const stateOf = async (): Promise<string | undefined> => {
    const { commands } = await api.get<ShownAlertDetail>(`/alerts/${id}`);
    return commands.find((one) => one.id === command)?.state;
  };
  await untilEqual(stateOf, 'succeeded');
}

async function untilEqual<T>(read: () => Promise<T>, expected: T): Promise<void> {
  for (let attempt = 0; attempt < 2 * pollsMax && (await read()) !== expected; attempt++) await sleep(pollMs);
  expect(await read()).toBe(expected);
}

async function restartsOf(cluster: Cluster, { namespace: where, pod }: Victim): Promise<number> {
  const path = 'jsonpath={.status.containerStatuses[0].restartCount}';
  return Number(await cluster.kubectl('-n', where, 'get', 'pod', pod, '-o', path));
}

/** As the kubelet has it from the runtime. */
async function imageDigestOf(cluster: Cluster, { namespace: where, pod }: Victim): Promise<string> {
  const path = 'jsonpath={.status.containerStatuses[0].imageID}';
  return cluster.kubectl('-n', where, 'get', 'pod', pod, '-o', path);
}

async function podsOfStages(cluster: Cluster): Promise<string[]> {
  const stages = 'app.kubernetes.io/component in (ingest,enrichment,process-tree,detection,remediation,storage,api)';
  const names = await cluster.kubectl('-n', namespace, 'get', 'pods', '-l', stages, '-o', 'name');
  return names.split('\n').filter(Boolean);
}

async function workloadsOf(api: ApiClient): Promise<ShownHost['capabilities'][number] | undefined> {
  const { hosts } = await api.get<{ hosts: readonly ShownHost[] }>('/hosts');
  const capabilities = hosts.find(({ name }) => name === nodeName)?.capabilities ?? [];
  return capabilities.find(({ name }) => name === 'containers.workloads');
}

async function ownerOfNightly(api: ApiClient): Promise<string> {
  const { containers } = await api.get<{ containers: readonly ShownContainer[] }>('/containers');
  const found: Partial<ShownContainer> = containers.find(({ name, running }) => name === 'nightly' && running) ?? {};
  return found.pod?.owner ?? '';
}

/** An upgrade may be over before its first run. */
async function ownerOnceNightlyRuns(api: ApiClient): Promise<string> {
  for (let attempt = 0; attempt < 3 * pollsMax; attempt++) {
    const owner = await ownerOfNightly(api);
    if (owner !== '') return owner;
    await sleep(pollMs);
  }
  return '';
}

/** What the runtime says of a container that has just begun comes later than its attack. */
async function alertOnceAccountIsKnown(api: ApiClient, id: string): Promise<ShownAlert> {
  for (let attempt = 0; ; attempt++) {
    const { alert } = await api.get<ShownAlertDetail>(`/alerts/${id}`);
    if (accountIn(alert) === account || attempt === pollsMax) return alert;
    await sleep(pollMs);
  }
}

/** Of the newest attack. */
async function alertOnceRemediated(api: ApiClient): Promise<ShownAlert> {
  const begun = Date.now();
  for (let attempt = 0; ; attempt++) {
    const { alerts } = await api.get<ShownAlertList>('/alerts?state=remediated');
    const found = alerts.find(({ createdAt }) => Date.parse(createdAt) > begun - 1_000);
    if (found) return found;
    if (attempt === 2 * pollsMax) throw new Error(`no alert of the pod was remediated: ${JSON.stringify(alerts)}`);
    await sleep(pollMs);
  }
}

/** The pod is absent until it is known that there is one. */
function accountIn({ pod }: Partial<ShownAlert>): string {
  return pod?.serviceAccount ?? '';
}

/** Names of the programs that are loaded, as the kernel has them among its symbols. */
function bpfPrograms(): string[] {
  const symbols = readFileSync('/proc/kallsyms', 'utf8').split('\n');
  return symbols.flatMap((line) => /\bbpf_prog_[0-9a-f]{16}\S*/.exec(line)?.[0] ?? []).sort();
}

interface Traces {
  readonly programs: string[];
  readonly groups: string[];
  /** Of the file system on which BPF objects are kept, where it is mounted. */
  readonly pins: string[];
}

function traces(): Traces {
  return { programs: bpfPrograms(), groups: nornGroups(), pins: readdirSync('/sys/fs/bpf').sort() };
}

function nornGroups(): string[] {
  const root = '/sys/fs/cgroup';
  return [root, ...readdirSync(root).map((name) => join(root, name))].flatMap((hierarchy) =>
    readdirSync(hierarchy).flatMap((name) => (name.startsWith('norn') ? [join(hierarchy, name)] : [])),
  );
}
