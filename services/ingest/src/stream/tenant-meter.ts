// Holds each tenant to its quota: a token bucket per tenant and instance of ingest, for all that its hosts send.
import { batchEventsMax } from '@norn/contracts';
import { limits } from '../limits.ts';

export interface MeterOptions {
  readonly tenantEventsPerSecondMax: number;
  /** Milliseconds of a clock that only moves forward. */
  readonly nowMs: () => number;
}

/** A message counts as at least one event for each this many bytes, whatever number it declares. */
const bytesPerEvent = 1024;

interface Bucket {
  events: number;
  filledAtMs: number;
}

export class TenantMeter {
  private readonly buckets = new Map<string, Bucket>();
  private readonly rate: number;
  /** A batch larger than the burst must pass some time, so the bucket is never smaller than one batch. */
  private readonly capacity: number;
  private readonly nowMs: () => number;

  constructor({ tenantEventsPerSecondMax, nowMs }: MeterOptions) {
    this.rate = tenantEventsPerSecondMax;
    this.capacity = Math.max((this.rate * limits.quotaBurstMs) / 1000, batchEventsMax);
    this.nowMs = nowMs;
  }

  /** Takes a message of so many bytes and events off the quota. Returns 0; or how long to wait with it, ms, and takes nothing. */
  pauseMs(tenantId: string, bytes: number, events = 1): number {
    const cost = Math.max(events, Math.ceil(bytes / bytesPerEvent));
    const bucket = this.fill(tenantId);
    if (bucket.events >= cost) {
      bucket.events -= cost;
      return 0;
    }
    const waitMs = Math.ceil(((cost - bucket.events) * 1000) / this.rate);
    return Math.min(limits.throttleMaxMs, Math.max(limits.throttleMinMs, waitMs));
  }

  private fill(tenantId: string): Bucket {
    const { buckets, capacity, rate } = this;
    const now = this.nowMs();
    const bucket = buckets.get(tenantId) ?? { events: capacity, filledAtMs: now };
    bucket.events = Math.min(capacity, bucket.events + ((now - bucket.filledAtMs) * rate) / 1000);
    bucket.filledAtMs = now;
    // The least recently metered is forgotten first; forgetting gives it a full bucket, never a debt.
    buckets.delete(tenantId);
    if (buckets.size >= limits.tenantsMax) buckets.delete(buckets.keys().next().value ?? '');
    buckets.set(tenantId, bucket);
    return bucket;
  }
}
