// Holds each tenant to its quota of events a second; what it can not take is sent back to wait.
import { type Outcome, type Redirect, ok, redirect } from '@norn/pipeline';
import type { TenantMeter } from '../stream/tenant-meter.ts';
import type { CheckedBatch, ThrottleOrder } from './envelope-of-host.ts';

export function createMeterTenant(meter: TenantMeter) {
  return function meterTenant(checked: CheckedBatch): Outcome<CheckedBatch, Redirect<'throttle', ThrottleOrder>> {
    const { tenantId, batch, envelope } = checked;
    const pauseMs = meter.pauseMs(tenantId, batch.byteLength, envelope.eventCount);
    return pauseMs === 0 ? ok(checked) : redirect('throttle', { pauseMs });
  };
}
