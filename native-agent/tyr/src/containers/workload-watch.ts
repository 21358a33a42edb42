// Which workload each pod of this node is of, from the API server where the agent may ask it. Nobody waits for its answer: until it is
// there, or when it never comes, the labels of Kubernetes' controllers say it (pod-owner.ts).
import { NornError, messageOf } from '@norn/base';
import type { Logger } from 'pino';
import { limits } from '../limits.ts';
import type { RuntimeState } from './docker-watch.ts';
import { KubernetesApi, type Metadata } from './kubernetes-api.ts';

export interface WorkloadWatchOptions {
  readonly api: KubernetesApi;
  /** As the cluster calls it. */
  readonly node: string;
  readonly logger: Logger;
  readonly onStateChange: () => void;
}

/** Undefined where the API server is not to be asked. */
export function createWorkloadWatch(
  { kubernetesApi, hostName }: { readonly kubernetesApi: string; readonly hostName: string },
  told: Pick<WorkloadWatchOptions, 'logger' | 'onStateChange'>,
): WorkloadWatch | undefined {
  if (kubernetesApi === '') return undefined;
  return new WorkloadWatch({ api: new KubernetesApi(kubernetesApi), node: hostName, ...told });
}

export class WorkloadWatch {
  state: RuntimeState = { available: false, detail: 'The API server has not answered yet' };
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  /** By the pod's uid. */
  private workloads = new Map<string, string>();
  /** Of replica sets and jobs, by uid: asked for once. */
  private readonly parents = new Map<string, string>();

  constructor(private readonly options: WorkloadWatchOptions) {}

  start(): void {
    void this.follow();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.options.api.close();
  }

  /** "Deployment/web", "CronJob/nightly"; undefined where it is not known from the cluster. */
  workloadOf(podUid: string): string | undefined {
    return this.workloads.get(podUid);
  }

  private async follow(): Promise<void> {
    const waitMs = await this.followOnce().catch((error: unknown) => this.failed(error));
    if (!this.stopped) this.timer = setTimeout(() => void this.follow(), waitMs);
  }

  private async followOnce(): Promise<number> {
    const { api, node } = this.options;
    const { pods, resourceVersion } = await api.podsOf(node);
    const uids = new Set(pods.map(({ uid }) => uid));
    this.workloads = new Map([...this.workloads].filter(([uid]) => uids.has(uid)));
    const learned = await Promise.all(pods.map((pod) => this.learn(pod)));
    if (learned.every(Boolean)) this.change({ available: true, detail: '' });
    if (!this.stopped) await api.watchPods(node, resourceVersion, (pod) => void this.learn(pod));
    return limits.watchAgainMs;
  }

  /** False when nobody says it: it is asked again with the next list. One that is deleted stays known until then, for its containers may run on. */
  private async learn({ uid, name, namespace, ownerReferences }: Metadata): Promise<boolean> {
    if (this.workloads.has(uid) || this.workloads.size >= limits.containersMax) return true;
    const owner = controllerIn(ownerReferences);
    try {
      this.workloads.set(uid, owner === undefined ? `Pod/${name}` : await this.workloadAbove(owner, namespace));
      return true;
    } catch (error) {
      this.failed(error);
      return false;
    }
  }

  /** A replica set's is its deployment, a job's its schedule; every other controller is one itself. */
  private async workloadAbove(owner: Owner, namespace: string): Promise<string> {
    const plural = below.get(owner.kind);
    if (plural === undefined) return said(owner);
    const known = this.parents.get(owner.uid);
    if (known !== undefined) return known;
    const metadata = await this.options.api.find(plural, namespace, owner.name);
    const workload = said(controllerIn(metadata?.ownerReferences ?? []) ?? owner);
    if (this.parents.size >= limits.containersMax) this.parents.clear();
    this.parents.set(owner.uid, workload);
    return workload;
  }

  /** Returns when to try again. */
  private failed(error: unknown): number {
    if (!this.stopped) this.change({ available: false, detail: messageOf(error) });
    const isForbidden = error instanceof NornError && error.code === 'kubernetes_forbidden';
    return isForbidden ? limits.forbiddenRetryMs : limits.runtimeRetryMs;
  }

  private change(state: RuntimeState): void {
    if (state.available === this.state.available && state.detail === this.state.detail) return;
    this.state = state;
    this.options.logger.info(state, 'workloads');
    this.options.onStateChange();
  }
}

type Owner = Metadata['ownerReferences'][number];

/** Controllers that others make, and where they are found. */
const below: ReadonlyMap<string, string> = new Map([
  ['ReplicaSet', 'apps/v1/replicasets'],
  ['Job', 'batch/v1/jobs'],
]);

function controllerIn(owners: readonly Owner[]): Owner | undefined {
  return owners.find(({ controller }) => controller);
}

function said({ kind, name }: Owner): string {
  return `${kind}/${name}`;
}
