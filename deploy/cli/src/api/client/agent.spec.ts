import type { ShownHost } from '@norn/contracts';
import { isOnWatch } from './agent.ts';

const capability = (name: string, detail = ''): ShownHost['capabilities'][number] => ({
  name,
  available: detail === '',
  mechanism: '',
  detail,
  verified: false,
});
const reported = (...capabilities: ShownHost['capabilities']): ShownHost =>
  ({ reportedAt: '2026-11-25T20:00:00.000Z', capabilities }) as ShownHost;
const start = new Date('2026-11-25T19:59:59Z');

describe('an agent on watch', () => {
  it('has a sensor, and a vault or a reason to have none', () => {
    expect(isOnWatch(reported(capability('process.lifecycle'), capability('file.preimage.host')), start)).toBe(true);
    const none = capability('file.preimage', 'fanotify is not in this kernel');
    expect(isOnWatch(reported(capability('process.lifecycle'), none), start)).toBe(true);
  });

  it('is not one that speaks for itself alone, or whose vault is opening', () => {
    expect(isOnWatch(reported(capability('agent.limits')), start)).toBe(false);
    const opening = capability('file.preimage', 'the vault is still opening');
    expect(isOnWatch(reported(capability('process.lifecycle'), opening), start)).toBe(false);
  });

  it('is not one that spoke before a restart', () => {
    const host = reported(capability('process.lifecycle'), capability('file.preimage.host'));
    expect(isOnWatch(host, new Date('2026-11-25T20:00:01Z'))).toBe(false);
    expect(isOnWatch({ ...host, reportedAt: '' }, new Date(0))).toBe(false);
  });
});
