// Asks the CRI every two seconds which containers run: the CRI of containerd 1.6 has no stream of events.
import { messageOf } from '@norn/base';
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { limits } from '../limits.ts';
import type { ContainerDescription } from './container-table.ts';
import { CriApi, type CriContainer, type CriSandbox } from './cri-api.ts';
import type { RuntimeState, RuntimeWatchOptions } from './docker-watch.ts';
import { podOwner } from './pod-owner.ts';
import { serviceAccountOf } from './service-account.ts';

/** Docker's own containerd may serve no CRI; then it is asked rarely. */
const unservedRetryMs = 60_000;

export interface CriWatchOptions extends RuntimeWatchOptions {
  /** What the cluster says of a pod, by its uid; undefined where it says nothing. */
  readonly workloadOf?: (podUid: string) => string | undefined;
}

export class CriWatch {
  private api: CriApi | undefined;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  private readonly runtime: string;
  /** By container; empty: it has none, or it is not known. */
  private readonly accounts = new Map<string, string>();
  state: RuntimeState;

  constructor(private readonly options: CriWatchOptions) {
    this.runtime = runtimeAt(options.socketPath);
    this.state = { available: false, detail: `There is no socket ${options.socketPath}` };
  }

  start(): void {
    void this.ask();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.api?.close();
  }

  private async ask(): Promise<void> {
    const waitMs = existsSync(this.options.socketPath) ? await this.askOnce() : this.absent();
    if (!this.stopped) this.timer = setTimeout(() => void this.ask(), waitMs);
  }

  private absent(): number {
    this.change({ available: false, detail: `There is no socket ${this.options.socketPath}` });
    return limits.runtimeRetryMs;
  }

  private async askOnce(): Promise<number> {
    this.api ??= new CriApi(this.options.socketPath);
    try {
      const [containers, sandboxes, images] = await Promise.all([
        this.api.containers(),
        this.api.sandboxes(),
        this.api.images(),
      ]);
      const digests = new Map(images.map(({ id, digest }) => [id, digest]));
      const pods = new Map(sandboxes.map((sandbox) => [sandbox.id, sandbox]));
      for (const container of containers)
        this.learn(container, pods.get(container.sandboxId), digests.get(container.imageId) ?? '');
      this.options.table.endAllBut([this.runtime], new Set(containers.map(({ id }) => id)));
      void this.askForAccounts(containers);
      this.change({ available: true, detail: '' });
      return limits.criPollMs;
    } catch (error) {
      if (!this.stopped) this.change({ available: false, detail: messageOf(error) });
      return messageOf(error).includes('UNIMPLEMENTED') ? unservedRetryMs : limits.runtimeRetryMs;
    }
  }

  private learn(container: CriContainer, pod: CriSandbox | undefined, imageDigest: string): void {
    const { id, name, image, imageId, createdAtNs } = container;
    this.options.table.put({
      containerId: id,
      name,
      image,
      imageId,
      imageDigest,
      runtime: this.runtime,
      startedAtUs: createdAtNs / 1000n,
      rootPath: rootOf(id, this.options.socketPath),
      ...(pod === undefined ? {} : this.identityOf(pod)),
      serviceAccount: this.accounts.get(id) ?? '',
    });
  }

  private identityOf({ podName, podUid, podNamespace, podLabels }: CriSandbox): Partial<ContainerDescription> {
    const owner = this.options.workloadOf?.(podUid) ?? podOwner(podName, podLabels);
    return { podName, podUid, podNamespace, podLabels, podOwner: owner };
  }

  /** Once for each container, after it was told of: an attack does not wait for it. It is told with the next look. */
  private async askForAccounts(running: readonly CriContainer[]): Promise<void> {
    const ids = new Set(running.map(({ id }) => id));
    for (const id of this.accounts.keys()) if (!ids.has(id)) this.accounts.delete(id);
    for (const id of ids) {
      if (this.accounts.has(id) || this.stopped) continue;
      this.accounts.set(id, '');
      try {
        this.accounts.set(id, serviceAccountOf((await this.api?.pidOf(id)) ?? 0));
      } catch (error) {
        this.options.logger.debug({ containerId: id, err: error }, 'its service account is not known');
      }
    }
  }

  private change(state: RuntimeState): void {
    if (state.available === this.state.available && state.detail === this.state.detail) return;
    this.state = state;
    this.options.logger.info(state, 'cri');
    this.options.onStateChange();
  }
}

/** By the socket's name: `crio.sock` of CRI-O (OpenShift); `containerd.sock` of upstream's, k3s' and RKE2's containerd. */
function runtimeAt(socketPath: string): string {
  return basename(socketPath).startsWith('crio') ? 'cri-o' : 'containerd';
}

/** Where containerd's shim mounts a container's root: its state is where its socket is. CRI-O does not tell. */
function rootOf(id: string, socketPath: string): string {
  const path = join(dirname(socketPath), 'io.containerd.runtime.v2.task/k8s.io', id, 'rootfs');
  return existsSync(path) ? path : '';
}
