// Holds each tenant to its quota of events a second: a token bucket per tenant and instance of ingest.
import { batchEventsMax } from '@norn/contracts';
import { type Outcome, type Redirect, ok, redirect } from '@norn/pipeline';
import { limits } from '../limits.ts';
import type { CheckedBatch, ThrottleOrder } from './envelope-of-host.ts';

export interface MeterOptions {
  readonly tenantEventsPerSecondMax: number;
  /** Milliseconds of a clock that only moves forward. */
  readonly nowMs: () => number;
}

/** A batch counts as at least one event for each this many bytes, whatever number it declares. */
const bytesPerEvent = 1024;

interface Bucket {
  events: number;
  filledAtMs: number;
}

export function createMeterTenant({ tenantEventsPerSecondMax: rate, nowMs }: MeterOptions) {
  const buckets = new Map<string, Bucket>();
  // A batch larger than the burst must pass some time, so the bucket is never smaller than one batch.
  const capacity = Math.max((rate * limits.quotaBurstMs) / 1000, batchEventsMax);

  function fill(tenantId: string): Bucket {
    const now = nowMs();
    const bucket = buckets.get(tenantId) ?? { events: capacity, filledAtMs: now };
    bucket.events = Math.min(capacity, bucket.events + ((now - bucket.filledAtMs) * rate) / 1000);
    bucket.filledAtMs = now;
    // The least recently metered is forgotten first; forgetting gives it a full bucket, never a debt.
    buckets.delete(tenantId);
    if (buckets.size >= limits.tenantsMax) buckets.delete(buckets.keys().next().value ?? '');
    buckets.set(tenantId, bucket);
    return bucket;
  }

  return function meterTenant(checked: CheckedBatch): Outcome<CheckedBatch, Redirect<'throttle', ThrottleOrder>> {
    const cost = Math.max(checked.envelope.eventCount, Math.ceil(checked.batch.byteLength / bytesPerEvent));
    const bucket = fill(checked.tenantId);
    if (bucket.events >= cost) {
      bucket.events -= cost;
      return ok(checked);
    }
    const waitMs = Math.ceil(((cost - bucket.events) * 1000) / rate);
    const pauseMs = Math.min(limits.throttleMaxMs, Math.max(limits.throttleMinMs, waitMs));
    return redirect('throttle', { pauseMs });
  };
}
