import { create } from '@bufbuild/protobuf';
import { event } from '@norn/contracts';
import { Host } from '@norn/store';
import { judge } from './host-view.ts';

const now = new Date('2026-11-24T14:00:00Z');

function hostSeen(secondsAgo: number | null): Host {
  const lastSeenAt = secondsAgo === null ? null : new Date(now.getTime() - secondsAgo * 1000);
  return Object.assign(new Host(), { lastSeenAt });
}

function factsWith(name: string, available: boolean): event.HostFacts {
  return create(event.HostFactsSchema, { capabilities: [{ name, available, detail: 'fanotify is not compiled in.' }] });
}

describe('a host', () => {
  it('is protected when it was heard and can do what matters', () => {
    expect(judge(hostSeen(10), factsWith('process.lifecycle', true), { now, lostLately: [] })).toEqual({
      state: 'protected',
      reason: '',
    });
  });

  it('is degraded when it can not keep pre-images, and says why', () => {
    const { state, reason } = judge(hostSeen(10), factsWith('file.preimage.container', false), { now, lostLately: [] });
    expect([state, reason]).toEqual(['degraded', 'Can not do file.preimage.container: fanotify is not compiled in.']);
  });

  it('is not degraded by what is of no weight', () => {
    expect(judge(hostSeen(10), factsWith('process.ptrace', false), { now, lostLately: [] }).state).toBe('protected');
  });

  it('is degraded when events were lost lately, and says where', () => {
    const lostLately = [
      { events: 7, place: 'bulk ring' },
      { events: 5, place: 'spool' },
    ];
    expect(judge(hostSeen(10), factsWith('file.open', true), { now, lostLately }).reason).toMatch(
      /^12 events were lost in the last hour \(bulk ring and spool\)/,
    );
  });

  it.each([200, null])('is silent when it was last heard %s seconds ago', (secondsAgo) => {
    expect(judge(hostSeen(secondsAgo), factsWith('file.open', true), { now, lostLately: [] }).state).toBe('silent');
  });
});
