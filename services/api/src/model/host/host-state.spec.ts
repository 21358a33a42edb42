import { create } from '@bufbuild/protobuf';
import { event } from '@norn/contracts';
import { Host } from '@norn/store';
import { isPast, judge } from './host-state.ts';

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

  it('that is cut off from the network says so, and how it ends', () => {
    const facts = factsWith('process.lifecycle', true);
    facts.health = create(event.AgentHealthSchema, { isolated: true });
    const { state, reason } = judge(hostSeen(10), facts, { now, lostLately: [] });
    expect([state, reason]).toEqual(['protected', expect.stringMatching(/^It is cut off .* Lifting the isolation/)]);
  });

  it('is not shown as protected while the kernel does not watch what it is to watch', () => {
    const facts = factsWith('process.lifecycle', true);
    facts.health = create(event.AgentHealthSchema, { vaultUnwatched: 2n, vaultRewatched: 2n });
    const { state, reason } = judge(hostSeen(10), facts, { now, lostLately: [] });
    expect([state, reason]).toEqual(['degraded', expect.stringMatching(/^2 protected directories had no mark/)]);
    facts.health.vaultUnwatched = 0n;
    expect(judge(hostSeen(10), facts, { now, lostLately: [] }).state).toBe('protected');
  });

  it.each([
    ['that has said nothing yet', []],
    ['whose connection alone is there', [{ name: 'agent.limits', available: true }]],
    ['whose agent has ended', [{ name: 'agent.baldur', available: false, detail: 'it ended 4 times' }]],
  ])('%s is not protected', (_, capabilities) => {
    const { state, reason } = judge(hostSeen(1), create(event.HostFactsSchema, { capabilities }), {
      now,
      lostLately: [],
    });
    expect([state, reason]).toEqual(['degraded', expect.stringMatching(/^Nothing is seen or stopped here: Baldur/)]);
    if (capabilities[0]?.name === 'agent.baldur') expect(reason).toContain('(it ended 4 times)');
  });

  it('is degraded when it can not keep pre-images, and says why', () => {
    const { state, reason } = judge(hostSeen(10), factsWith('file.preimage.container', false), { now, lostLately: [] });
    expect([state, reason]).toEqual(['degraded', 'Can not do file.preimage.container: fanotify is not compiled in.']);
  });

  it('is not degraded by what is of no weight', () => {
    const facts = factsWith('process.ptrace', false);
    facts.capabilities.push(...factsWith('process.lifecycle', true).capabilities);
    expect(judge(hostSeen(10), facts, { now, lostLately: [] }).state).toBe('protected');
  });

  it('that is a container lacks nothing that only its host could do', () => {
    const facts = factsWith('file.preimage.mount', false);
    facts.capabilities.push(...factsWith('file.preimage', true).capabilities);
    facts.containerId = 'c'.repeat(64);
    expect(judge(hostSeen(10), facts, { now, lostLately: [] }).state).toBe('protected');
    const blind = factsWith('file.preimage', false);
    blind.containerId = facts.containerId;
    expect(judge(hostSeen(10), blind, { now, lostLately: [] }).state).toBe('degraded');
  });

  it('that has ended as it was meant to is not silent', () => {
    const facts = Object.assign(factsWith('file.preimage', true), { containerId: 'c'.repeat(64), ended: true });
    expect(judge(hostSeen(86_400), facts, { now, lostLately: [] }).state).toBe('ended');
  });

  it('that ended a while ago is not listed any more', () => {
    const ended = (secondsAgo: number): Host => Object.assign(hostSeen(secondsAgo), { facts: { ended: true } });
    expect([isPast(ended(60), now), isPast(ended(7_200), now)]).toEqual([false, true]);
    expect(isPast(Object.assign(hostSeen(7_200), { facts: {} }), now)).toBe(false);
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

  it.each([event.Leaving.STOPPED, event.Leaving.SHUTDOWN])(
    'is silent as soon as its agent has said that it goes',
    (leaving) => {
      const facts = { ...factsWith('file.open', true), leaving };
      expect(judge(hostSeen(1), facts, { now, lostLately: [] })).toMatchObject({
        state: 'silent',
        reason: expect.stringContaining('in order'),
      });
    },
  );

  it.each([200, null])('is silent when it was last heard %s seconds ago', (secondsAgo) => {
    expect(judge(hostSeen(secondsAgo), factsWith('file.open', true), { now, lostLately: [] }).state).toBe('silent');
  });
});
