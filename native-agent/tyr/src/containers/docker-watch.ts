// Follows Docker: listens first, then lists, so that nothing starts in between unseen; begins anew when Docker does.
import { messageOf } from '@norn/base';
import { existsSync } from 'node:fs';
import type { Logger } from 'pino';
import { limits } from '../limits.ts';
import type { ContainerTable } from './container-table.ts';
import { DockerApi, type DockerEvent, type InspectedContainer } from './docker-api.ts';

export interface RuntimeState {
  readonly available: boolean;
  readonly detail: string;
}

export interface RuntimeWatchOptions {
  readonly socketPath: string;
  readonly table: ContainerTable;
  readonly logger: Logger;
  readonly onStateChange: () => void;
}

export class DockerWatch {
  private readonly api: DockerApi;
  private timer: NodeJS.Timeout | undefined;
  private closeEvents: (() => void) | undefined;
  private stopped = false;
  state: RuntimeState;

  constructor(private readonly options: RuntimeWatchOptions) {
    this.api = new DockerApi(options.socketPath);
    this.state = { available: false, detail: `There is no socket ${options.socketPath} yet` };
  }

  start(): void {
    void this.follow();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.closeEvents?.();
  }

  private async follow(): Promise<void> {
    try {
      await this.followOnce();
      this.change({ available: false, detail: 'Docker closed its stream of events' });
    } catch (error) {
      const { socketPath } = this.options;
      const detail = existsSync(socketPath) ? messageOf(error) : `There is no socket ${socketPath}`;
      this.change({ available: false, detail: `${detail}; tried again every ${limits.runtimeRetryMs / 1000} s` });
    }
    if (!this.stopped) this.timer = setTimeout(() => void this.follow(), limits.runtimeRetryMs);
  }

  private async followOnce(): Promise<void> {
    const { table } = this.options;
    const events = await this.api.events((event) => void this.happened(event));
    this.closeEvents = () => {
      events.close();
    };
    if (this.stopped) events.close();
    const ids = await this.api.runningIds();
    for (const id of ids) await this.learn(id);
    table.endAllBut(['docker'], new Set(ids));
    this.change({ available: true, detail: '' });
    await events.ended;
  }

  private async happened({ Action, Actor }: DockerEvent): Promise<void> {
    if (Action === 'die' || Action === 'destroy') {
      this.options.table.end(Actor.ID);
      return;
    }
    try {
      await this.learn(Actor.ID);
    } catch (error) {
      this.options.logger.warn({ code: 'container_unknown', container: Actor.ID, err: error }, messageOf(error));
    }
  }

  private async learn(id: string): Promise<void> {
    const container = await this.api.inspect(id);
    if (container !== undefined) this.options.table.put(describe(container));
  }

  private change(state: RuntimeState): void {
    if (state.available === this.state.available && state.detail === this.state.detail) return;
    this.state = state;
    this.options.logger.info(state, 'docker');
    this.options.onStateChange();
  }
}

export function describe(container: InspectedContainer) {
  const startedAtMs = Date.parse(container.State.StartedAt);
  return {
    containerId: container.Id,
    name: container.Name.replace(/^\//, ''),
    image: container.Config.Image,
    imageId: container.Image,
    runtime: 'docker',
    // "0001-01-01T00:00:00Z" until it has started.
    startedAtUs: startedAtMs > 0 ? BigInt(startedAtMs) * 1000n : 0n,
    rootPath: container.GraphDriver?.Data?.MergedDir ?? '',
  };
}
