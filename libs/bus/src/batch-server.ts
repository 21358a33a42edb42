// NestJS transport whose handlers get whole batches: the stock Kafka transport gives one message at a time.
import { type CustomTransportStrategy, Server } from '@nestjs/microservices';
import { NornError } from '@norn/base';
import { isObservable, lastValueFrom } from 'rxjs';
import type { StageBusConfig } from './config.ts';
import {
  type BatchHandler,
  type Deferred,
  type BusConsumer,
  type ConsumerOptions,
  type PartitionPreparer,
  createConsumer,
} from './consumer.ts';
import { type TopicName, topics } from './flow.ts';

export type BatchServerOptions = Omit<ConsumerOptions, 'handlers' | 'prepare' | 'release'>;

/** Handlers are methods with `@EventPattern('raw')`, the topic's name in the flow; they take one `RecordBatch`. */
export class BatchServer extends Server implements CustomTransportStrategy {
  private consumer: BusConsumer | undefined;
  private callbacks: Pick<ConsumerOptions, 'prepare' | 'release'> = {};

  constructor(
    private readonly config: StageBusConfig,
    private readonly options: BatchServerOptions,
  ) {
    super();
  }

  /** `prepare` is called before the first batch of each partition, `release` when it goes to another member. Before the server listens. */
  prepareWith(prepare: PartitionPreparer, release?: ConsumerOptions['release']): void {
    this.callbacks = release === undefined ? { prepare } : { prepare, release };
  }

  listen(callback: (error?: unknown) => void): void {
    this.start().then(() => {
      callback();
    }, callback);
  }

  async close(): Promise<void> {
    await this.consumer?.close();
  }

  get connected(): boolean {
    return this.consumer?.connected ?? false;
  }

  /** Records that wait, all partitions together. */
  get lag(): number {
    return [...(this.consumer?.lag.values() ?? [])].reduce((sum, one) => sum + one, 0);
  }

  /** The transport has no events of its own. */
  on(): void {
    throw new NornError('not_supported', 'BatchServer has no events: read `connected` and `lag`');
  }

  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- Nest's signature
  unwrap<T>(): T {
    return this.consumer as T;
  }

  private async start(): Promise<void> {
    const handlers = new Map([...this.getHandlers().keys()].map((pattern) => this.handlerOf(pattern)));
    this.consumer = await createConsumer(this.config, { ...this.options, ...this.callbacks, handlers });
  }

  private handlerOf(pattern: string): [TopicName, BatchHandler] {
    const handler = this.getHandlers().get(pattern);
    if (handler === undefined || !(pattern in topics)) {
      const known = Object.keys(topics).join(', ');
      throw new NornError(
        'topic_unknown',
        `@EventPattern('${pattern}') names no topic of the flow: use one of ${known}`,
      );
    }
    return [
      pattern as TopicName,
      async (batch) => {
        const result: unknown = await handler(batch);
        const value: unknown = isObservable(result) ? await lastValueFrom(result, { defaultValue: undefined }) : result;
        return value as Deferred | undefined;
      },
    ];
  }
}
