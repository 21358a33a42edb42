// The end of a batch's way: it is on its way to Kafka, refused, or sent back to wait.
import { type Outcome, type Redirected, type Refused, ok } from '@norn/pipeline';
import type { CheckedBatch, HostBatch, ThrottleOrder } from './envelope-of-host.ts';

/** Does not wait for Kafka: the connection acks when it has the batch, and takes no more than its bounds meanwhile. */
export function produceBatch(checked: CheckedBatch): Outcome<CheckedBatch, never> {
  checked.from.produceBatch(checked);
  return ok(checked);
}

export function refuseBatches(refused: readonly Refused<HostBatch>[]): void {
  for (const { source, reason, error } of refused) source.from.refuseBatch(source, reason, error.message);
}

export function throttleHosts(throttled: readonly Redirected<HostBatch, ThrottleOrder>[]): void {
  for (const { source, value } of throttled) source.from.throttle(source.seq, value);
}
