// NestJS transport whose handlers get whole batches: the stock Kafka transport gives one message at a time.
import { type CustomTransportStrategy, Server } from '@nestjs/microservices';
import { NornError } from '@norn/base';
import { isObservable, lastValueFrom } from 'rxjs';
import type { StageBusConfig } from '../config.ts';
import {
  type BatchHandler,
  type Deferred,
  type BusConsumer,
  type ConsumerOptions,
  createConsumer,
} from './consumer.ts';
import type { TopicName } from '../flow.ts';

export interface GroupOptions extends Omit<ConsumerOptions, 'handlers'> {
  /** What the group may read; it reads what there is a handler for. */
  readonly topics: readonly TopicName[];
}

/** Handlers are methods with `@EventPattern('raw')`, the topic's name in the flow; they take one `RecordBatch`. */
export class BatchServer extends Server implements CustomTransportStrategy {
  private readonly consumers: BusConsumer[] = [];

  /** Groups join in their order, and leave in the reverse one. */
  constructor(
    private readonly config: StageBusConfig,
    private readonly groups: readonly GroupOptions[],
  ) {
    super();
  }

  listen(callback: (error?: unknown) => void): void {
    this.start().then(() => {
      callback();
    }, callback);
  }

  /** Each group drains, commits and leaves. */
  async close(): Promise<void> {
    for (const consumer of this.consumers.toReversed()) await consumer.close();
  }

  /** Whether all groups have this member. */
  get connected(): boolean {
    return this.consumers.length > 0 && this.consumers.every(({ connected }) => connected);
  }

  /** Records that wait for the first group, all partitions together. */
  get lag(): number {
    return [...(this.consumers[0]?.lag.values() ?? [])].reduce((sum, one) => sum + one, 0);
  }

  /** The transport has no events of its own. */
  on(): void {
    throw new NornError('not_supported', 'BatchServer has no events: read `connected` and `lag`');
  }

  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- Nest's signature
  unwrap<T>(): T {
    return this.consumers as T;
  }

  private async start(): Promise<void> {
    const readable = this.groups.flatMap(({ topics }) => topics);
    for (const pattern of this.getHandlers().keys()) assertReadable(pattern, readable);
    for (const { topics, ...options } of this.groups) {
      const handlers = new Map(topics.flatMap((topic) => this.handlerOf(topic)));
      if (handlers.size > 0) this.consumers.push(await createConsumer(this.config, { ...options, handlers }));
    }
  }

  /** None when nobody handles the topic. */
  private handlerOf(topic: TopicName): [TopicName, BatchHandler][] {
    const handler = this.getHandlers().get(topic);
    if (handler === undefined) return [];
    const handle: BatchHandler = async (batch) => {
      const result: unknown = await handler(batch);
      const value: unknown = isObservable(result) ? await lastValueFrom(result, { defaultValue: undefined }) : result;
      return value as Deferred | undefined;
    };
    return [[topic, handle]];
  }
}

function assertReadable(pattern: string, readable: readonly string[]): void {
  if (readable.includes(pattern)) return;
  const cure = `use one of ${readable.join(', ')}, or add it to the stage's row in flow.ts`;
  throw new NornError('topic_unknown', `@EventPattern('${pattern}') names no topic that the stage consumes: ${cure}`);
}
