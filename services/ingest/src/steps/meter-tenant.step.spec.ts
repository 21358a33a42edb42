import { readBatchEnvelope } from '@norn/contracts';
import { fromHost } from '../../test/fakes.ts';
import { aBatch } from '../../test/test-host.ts';
import { TenantMeter } from '../stream/tenant-meter.ts';
import { createMeterTenant } from './meter-tenant.step.ts';

function meterAt(tenantEventsPerSecondMax: number) {
  const clock = { ms: 0 };
  const meterTenant = createMeterTenant(new TenantMeter({ tenantEventsPerSecondMax, nowMs: () => clock.ms }));
  const send = (eventCount: number, tenantId = 'default', batch = aBatch({ eventCount })): number => {
    const reading = readBatchEnvelope(batch);
    if (!reading.ok) throw new Error(reading.message);
    const outcome = meterTenant({ ...fromHost, tenantId, batch, envelope: reading.envelope });
    return outcome.kind === 'redirect' ? outcome.value.pauseMs : 0;
  };
  return { clock, send };
}

describe('meterTenant', () => {
  it('lets a burst of two seconds pass, then asks to wait as long as the batch needs', () => {
    const { send } = meterAt(100_000);
    expect([send(65_000), send(65_000), send(65_000)]).toEqual([0, 0, 0]);
    expect(send(65_000)).toBe(600);
  });

  it('lets pass again what the time in between has paid for', () => {
    const { send, clock } = meterAt(100_000);
    for (let i = 0; i < 3; i++) send(65_000);
    clock.ms += 600;
    expect(send(65_000)).toBe(0);
    expect(send(65_000)).toBeGreaterThan(0);
  });

  it('takes nothing for a batch that it sends back', () => {
    const { send } = meterAt(100_000);
    for (let i = 0; i < 3; i++) send(65_000);
    send(65_000);
    expect(send(5_000)).toBe(0);
  });

  it('holds one tenant without the other', () => {
    const { send } = meterAt(100_000);
    for (let i = 0; i < 4; i++) send(65_000, 'noisy');
    expect(send(65_000, 'quiet')).toBe(0);
  });

  it('counts bytes when a batch declares fewer events than it can have', () => {
    const { send } = meterAt(10);
    const large = aBatch({ eventCount: 1, columns: new Uint8Array(4_000_000) });
    let taken = 0;
    while (send(1, 'default', large) === 0) taken++;
    expect(taken).toBeLessThan(20);
  });
});
