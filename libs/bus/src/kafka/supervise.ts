// Keeps a consumer running: kafkajs gives up on some errors, and a broker that was lost comes back. One consumer at a time.
import { messageOf } from '@norn/base';
import type { Consumer } from 'kafkajs';
import { backOff } from './failure.ts';

export interface Supervision {
  readonly create: () => Consumer;
  /** Connects, subscribes and runs. That it resolves does not say that the group took it: kafkajs tells of a failed join as of a crash. */
  readonly begin: (consumer: Consumer) => Promise<void>;
  /** The consumer is gone; another takes its place unless `signal` is aborted. */
  readonly lost: (reason: string) => void;
  readonly signal: AbortSignal;
}

/** A run this long is a success: the next failure is waited for as if it were the first. */
const steadyMs = 10_000;

/** Returns when `signal` is aborted and the last consumer has left its group. */
export async function supervise({ create, begin, lost, signal }: Supervision): Promise<void> {
  for (let attempt = 0; !signal.aborted; attempt++) {
    const consumer = create();
    const startedAt = performance.now();
    const ended = untilEnded(consumer, signal);
    try {
      await begin(consumer);
      const reason = await ended;
      if (reason !== '') lost(reason);
    } catch (error) {
      lost(messageOf(error));
    }
    // A consumer that cannot say goodbye is forgotten by the broker when its session ends.
    await consumer.disconnect().catch(() => undefined);
    if (performance.now() - startedAt > steadyMs) attempt = 0;
    await backOff(attempt, signal).catch(() => undefined);
  }
}

/** Why it crashed; empty when it was told to stop. */
function untilEnded(consumer: Consumer, signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      resolve(payload.error.message);
    });
    signal.addEventListener(
      'abort',
      () => {
        resolve('');
      },
      { once: true },
    );
  });
}
