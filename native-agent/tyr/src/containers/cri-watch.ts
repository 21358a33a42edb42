// Asks the CRI every two seconds which containers run: the CRI of containerd 1.6 has no stream of events.
import { messageOf } from '@norn/base';
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { limits } from '../limits.ts';
import { CriApi, type CriContainer, type CriSandbox } from './cri-api.ts';
import type { RuntimeState, RuntimeWatchOptions } from './docker-watch.ts';

/** Docker's own containerd may serve no CRI; then it is asked rarely. */
const unservedRetryMs = 60_000;

export class CriWatch {
  private api: CriApi | undefined;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  private readonly runtime: string;
  state: RuntimeState;

  constructor(private readonly options: RuntimeWatchOptions) {
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
      const [containers, sandboxes] = await Promise.all([this.api.containers(), this.api.sandboxes()]);
      this.learn(containers, sandboxes);
      this.change({ available: true, detail: '' });
      return limits.criPollMs;
    } catch (error) {
      if (!this.stopped) this.change({ available: false, detail: messageOf(error) });
      return messageOf(error).includes('UNIMPLEMENTED') ? unservedRetryMs : limits.runtimeRetryMs;
    }
  }

  private learn(containers: readonly CriContainer[], sandboxes: readonly CriSandbox[]): void {
    const { runtime } = this;
    const { socketPath, table } = this.options;
    const pods = new Map(sandboxes.map((sandbox) => [sandbox.id, sandbox]));
    for (const { id, sandboxId, name, image, imageId, createdAtNs } of containers) {
      const pod = pods.get(sandboxId);
      const names = { podName: pod?.podName ?? '', podNamespace: pod?.podNamespace ?? '' };
      const rootPath = rootOf(id, socketPath);
      const startedAtUs = createdAtNs / 1000n;
      table.put({ containerId: id, name, image, imageId, runtime, startedAtUs, rootPath, ...names });
    }
    table.endAllBut([runtime], new Set(containers.map(({ id }) => id)));
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
