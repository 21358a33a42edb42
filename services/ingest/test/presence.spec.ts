import { create } from '@bufbuild/protobuf';
import { event } from '@norn/contracts';
import type { Peer } from '../src/stream/peer.ts';
import { Presence } from '../src/stream/presence.ts';
import { FakeRegistry } from './fakes.ts';

const peer = (hostId: string): Peer => ({
  tenantId: 'acme',
  hostId,
  issuedAt: new Date(0),
  expiresAt: new Date(1),
  serial: '01',
});
const baldur = (available: boolean, containerId = '', health = {}): event.HostFacts =>
  create(event.HostFactsSchema, { containerId, health, capabilities: [{ name: 'agent.baldur', available }] });

let registry: FakeRegistry;
let presence: Presence;
const errors: unknown[] = [];
beforeEach(() => {
  registry = new FakeRegistry();
  errors.length = 0;
  presence = new Presence(registry, (error) => errors.push(error));
});

/** What the control plane has heard by now, host by host. */
async function heard(): Promise<{ connected: Record<string, boolean>; protected: Record<string, boolean> }> {
  await presence.close();
  return {
    connected: Object.fromEntries(
      registry.heard.flatMap((each) => each.presence.map(({ hostId, isConnected }) => [hostId, isConnected])),
    ),
    protected: Object.fromEntries(
      registry.heard.flatMap((each) => each.protection.map(({ hostId, isProtected }) => [hostId, isProtected])),
    ),
  };
}

it('says who came and who went', async () => {
  presence.arrive(peer('one'));
  presence.leave(peer('two'), presence.arrive(peer('two')));
  expect((await heard()).connected).toEqual({ one: true, two: false });
});

it('does not say that a host went whose older connection was superseded', async () => {
  const older = presence.arrive(peer('one'));
  const newer = presence.arrive(peer('one'));
  presence.leave(peer('one'), older);
  expect((await heard()).connected).toEqual({ one: true });
  presence.leave(peer('one'), newer);
  expect((await heard()).connected).toEqual({ one: false });
});

it('says what a machine tells of its protection when that changes, and nothing of a container', async () => {
  for (const host of ['one', 'two', 'inside']) presence.arrive(peer(host));
  presence.hear(peer('one'), baldur(true));
  presence.hear(peer('one'), baldur(false));
  presence.hear(peer('two'), baldur(true));
  presence.hear(peer('inside'), baldur(false, 'c0ffee'));
  expect((await heard()).protected).toEqual({ one: false, two: true });
  presence.hear(peer('one'), baldur(false));
  await presence.close();
  expect(registry.heard.at(-1)?.protection).toEqual([]);
});

it('says how often parts of its agent have ended, when that changes', async () => {
  presence.arrive(peer('one'));
  const health = { baldurRestarts: 2n, tyrUncleanStarts: 1n };
  presence.hear(peer('one'), baldur(true, '', health));
  await presence.close();
  const unsaid = { stopsRefused: 0, run: '', previousRun: '', leaving: '', leavingProof: '' };
  const said = { hostId: 'one', isProtected: true, baldurEnds: 2, tyrEnds: 1, ...unsaid };
  expect(registry.heard.at(-1)?.protection).toEqual([said]);
  presence.hear(peer('one'), baldur(true, '', health));
  presence.hear(peer('one'), baldur(true, '', { ...health, baldurRestarts: 3n }));
  await presence.close();
  expect(registry.heard.at(-1)?.protection).toEqual([{ ...said, baldurEnds: 3 }]);
});

it('says how often somebody gave a wrong token to stop it, when that changes', async () => {
  presence.arrive(peer('one'));
  presence.hear(peer('one'), { ...baldur(true), stopsRefused: 2n });
  await presence.close();
  expect(registry.heard.at(-1)?.protection).toMatchObject([{ hostId: 'one', stopsRefused: 2 }]);
});

it('takes no count of a host that the control plane has no room for: what others said stands in the same write', async () => {
  presence.arrive(peer('one'));
  const most = 2n ** 64n - 1n;
  const health = { baldurRestarts: most, tyrUncleanStarts: most };
  presence.hear(peer('one'), { ...baldur(true, '', health), stopsRefused: most });
  await presence.close();
  const counted = Number.MAX_SAFE_INTEGER;
  const said = { baldurEnds: counted, tyrEnds: counted, stopsRefused: counted };
  expect(registry.heard.at(-1)?.protection).toMatchObject([said]);
});

it('keeps what it has to say while the control plane is away, of which it tells once, and says the newest', async () => {
  const [one, two] = [presence.arrive(peer('one')), presence.arrive(peer('two'))];
  presence.hear(peer('one'), baldur(false));
  registry.deafTurns = 2;
  await presence.close();
  presence.leave(peer('two'), two);
  await presence.close();
  expect(errors).toHaveLength(1);
  expect(registry.heard).toEqual([]);
  expect(await heard()).toEqual({ connected: { one: true, two: false }, protected: { one: false } });
  expect(registry.heard[0]?.presence.map(({ connection }) => connection)).toEqual([one, two]);
});
