// Which of Kafka's errors go away by waiting, and how long to wait.
import { setTimeout as sleep } from 'node:timers/promises';
import { backOffMs } from '@norn/base';

interface KafkaError extends Error {
  readonly retriable?: boolean;
  readonly type?: string;
}

/** False when the same request would fail for ever (too large, malformed, not authorised). */
export function isRetriable(error: unknown): boolean {
  let cause = error;
  while (cause instanceof Error && cause.cause instanceof Error) cause = cause.cause;
  if (!(cause instanceof Error)) return false;
  const { retriable, name } = cause as KafkaError;
  // Thrown when every broker refused the connection: it is what a restarting broker looks like.
  if (name === 'KafkaJSNoBrokerAvailableError' || name === 'KafkaJSNumberOfRetriesExceeded') return true;
  return retriable ?? false;
}

const wait = { firstMs: 100, mostMs: 2_000 } as const;

export function backOff(attempt: number, signal?: AbortSignal): Promise<void> {
  return sleep(backOffMs(attempt, wait), undefined, signal === undefined ? {} : { signal });
}

/** kafkajs tries a little by itself; `supervise` does the rest. */
export const consumerRetry = {
  initialRetryTime: 100,
  maxRetryTime: 1_000,
  retries: 4,
  restartOnFailure: (): Promise<boolean> => Promise.resolve(false),
} as const;
