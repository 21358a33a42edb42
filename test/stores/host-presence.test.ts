// Who is missing: what ingest writes of its hosts, and whom detection's question finds.
// @norn-strict
import { randomUUID } from 'node:crypto';
import { fromHex, toHex } from '@norn/base';
import { maintenanceProof } from '@norn/contracts';
import {
  AuditEntry,
  Host,
  forgetGoneContainers,
  hostsInTrouble,
  maintenanceTokenOf,
  markTroublesTold,
  redeemToldLater,
  writeHeard,
  type HostTroubleRow,
} from '@norn/store';
import { Ingest, after, inTrouble, passes, store, withControlPlane } from './heard-hosts.ts';

withControlPlane();

describe('a host', () => {
  it('that is connected is not missed, however long it says nothing', async () => {
    const ingest = new Ingest();
    await ingest.arrives('one');
    await passes(3_600, ingest);
    expect(await inTrouble()).toEqual([]);
  });

  it('that has gone is missed after a while, once', async () => {
    const ingest = new Ingest();
    const connection = await ingest.arrives('one');
    await passes(60, ingest);
    await ingest.leaves('one', connection);
    await passes(11, ingest);
    expect(await inTrouble()).toEqual([]);
    await passes(2, ingest);
    const missed = await hostsInTrouble(store, after);
    expect(missed).toMatchObject([{ tenantId: 'acme', hostId: 'one', hostName: 'web-one', kind: 'silent' }]);
    await markTroublesTold(store, missed);
    expect(await inTrouble()).toEqual([]);
  });

  it('that has come back is not missed, and is missed again when it goes again', async () => {
    const ingest = new Ingest();
    const first = await ingest.arrives('one');
    await passes(60, ingest);
    await ingest.leaves('one', first);
    await passes(13, ingest);
    await markTroublesTold(store, await hostsInTrouble(store, after));
    const second = await ingest.arrives('one');
    await passes(60, ingest);
    expect(await inTrouble()).toEqual([]);
    await ingest.leaves('one', second);
    await passes(13, ingest);
    expect(await inTrouble()).toEqual(['web-one silent']);
  });

  it('whose agent was stopped with its maintenance token is not missed until it is back, and the token is good for no other stop', async () => {
    const ingest = new Ingest();
    const token = (await maintenanceTokenOf(store, 'acme', 'one')) ?? '';
    const stop = async (run: string, leavingProof: Uint8Array): Promise<void> => {
      const connection = await ingest.arrives('one');
      await ingest.says('one', true, { run });
      await ingest.says('one', true, { run, leaving: 'stopped', leavingProof: toHex(leavingProof) });
      await ingest.leaves('one', connection);
      await passes(60, ingest);
    };
    const [first, second] = ['11'.repeat(16), '22'.repeat(16)];
    await stop(first, maintenanceProof(token, fromHex(first)));
    expect(await inTrouble()).toEqual([]);
    // Its last word once more, as after a connection that broke.
    await ingest.says('one', true, { run: first, leaving: 'stopped', leavingProof: 'ab'.repeat(32) });
    expect(await inTrouble()).toEqual([]);
    expect(await maintenanceTokenOf(store, 'acme', 'one')).not.toBe(token);
    await ingest.says('one', true, { run: second, previousRun: first });
    await stop(second, maintenanceProof(token, fromHex(second)));
    expect(await inTrouble()).toEqual(['web-one stopped']);
    const told = await store.manager.findBy(AuditEntry, { action: 'host.stopped_by_token' });
    expect(told).toMatchObject([
      { tenantId: 'acme', actor: 'agent', subject: 'one', details: { hostname: 'web-one' } },
    ]);
  });

  it.each([
    ['of another host', 'two', '11'.repeat(16)],
    ['of another run', 'one', '33'.repeat(16)],
  ])('is missed when the proof of the token is %s', async (_, of, ofRun) => {
    const ingest = new Ingest();
    const token = (await maintenanceTokenOf(store, 'acme', of)) ?? '';
    const leavingProof = toHex(maintenanceProof(token, fromHex(ofRun)));
    await maintenanceTokenOf(store, 'acme', 'one');
    const connection = await ingest.arrives('one');
    await ingest.says('one', true, { run: '11'.repeat(16), leaving: 'stopped', leavingProof });
    await ingest.leaves('one', connection);
    await passes(60, ingest);
    expect(await inTrouble()).toEqual(['web-one stopped']);
  });

  it('that tells later of a stop with its maintenance token has used that up, once', async () => {
    const stops = { action: 'host.stopped_by_token', subject: 'two' };
    const token = (await maintenanceTokenOf(store, 'acme', 'two')) ?? '';
    const run = '44'.repeat(16);
    const proof = toHex(maintenanceProof(token, fromHex(run)));
    await redeemToldLater(store, 'two', { run, proof: 'ab'.repeat(32) });
    await redeemToldLater(store, 'one', { run, proof });
    expect(await maintenanceTokenOf(store, 'acme', 'two')).toBe(token);
    for (let turn = 0; turn < 2; turn++) await redeemToldLater(store, 'two', { run, proof });
    expect(await maintenanceTokenOf(store, 'acme', 'two')).not.toBe(token);
    expect(await store.manager.findBy(AuditEntry, stops)).toMatchObject([
      { tenantId: 'acme', actor: 'agent', details: { hostname: 'web-two', toldLater: true } },
    ]);
  });

  it('has one maintenance token, however many ask at once', async () => {
    await store.query('UPDATE hosts SET maintenance_token = NULL');
    const asked = await Promise.all(Array.from({ length: 8 }, () => maintenanceTokenOf(store, 'acme', 'one')));
    expect(new Set(asked).size).toBe(1);
    expect(await maintenanceTokenOf(store, 'other', 'one')).toBeUndefined();
  });

  it('that moved to another ingest is not missed when the first one tells late that it went', async () => {
    const [first, second] = [new Ingest(), new Ingest()];
    const before = await first.arrives('one');
    await passes(60, first);
    await second.arrives('one');
    await first.leaves('one', before);
    await passes(60, first, second);
    expect(await inTrouble()).toEqual([]);
  });

  it('whose connection here was superseded by one that went at once is missed', async () => {
    const ingest = new Ingest();
    await ingest.arrives('one');
    await passes(60, ingest);
    // It came and went between two writes: only that it went is written, and that the one before was superseded never is.
    await ingest.leaves('one', randomUUID());
    await passes(13, ingest);
    expect(await inTrouble()).toEqual(['web-one silent']);
  });

  it('whose ingest has died is missed unless it comes to another one', async () => {
    const [dying, other] = [new Ingest(), new Ingest()];
    for (const host of ['one', 'two']) await dying.arrives(host);
    await other.beat();
    await passes(60, dying, other);
    await passes(8, other);
    expect(await inTrouble()).toEqual([]);
    await other.arrives('two');
    await passes(6, other);
    expect(await inTrouble()).toEqual(['web-one silent']);
  });

  it('that says that nothing protects it is told of after a while, once, and not when it is protected again', async () => {
    const ingest = new Ingest();
    for (const host of ['one', 'two']) await ingest.arrives(host);
    await passes(60, ingest);
    for (const host of ['one', 'two']) await ingest.says(host, false);
    await passes(14, ingest);
    expect(await inTrouble()).toEqual([]);
    await ingest.says('two', true);
    await ingest.says('one', false);
    await passes(2, ingest);
    const found = await hostsInTrouble(store, after);
    expect(found.map(({ hostId, kind }) => [hostId, kind])).toEqual([['one', 'unprotected']]);
    await markTroublesTold(store, found);
    await passes(60, ingest);
    expect(await inTrouble()).toEqual([]);
  });
});

describe('a part of the agent that ended and was started again', () => {
  it('is told of once an end, and not when a host is heard for the first time', async () => {
    const ingest = new Ingest();
    await ingest.arrives('one');
    await ingest.says('one', true, { baldurEnds: 3, tyrEnds: 1 });
    await passes(60, ingest);
    expect(await inTrouble()).toEqual([]);
    await ingest.says('one', true, { baldurEnds: 4, tyrEnds: 1 });
    const ended = await hostsInTrouble(store, after);
    expect(ended.map(({ kind }) => kind)).toEqual(['ended']);
    await markTroublesTold(store, ended);
    await passes(5, ingest);
    expect(await inTrouble()).toEqual([]);
    await ingest.says('one', true, { baldurEnds: 4, tyrEnds: 1 });
    expect(await inTrouble()).toEqual([]);
  });

  it('is told of when their count is the highest that ingest takes', async () => {
    const ingest = new Ingest();
    await ingest.arrives('one');
    const counted = Number.MAX_SAFE_INTEGER;
    await ingest.says('one', true, { baldurEnds: counted - 1 });
    await passes(60, ingest);
    await ingest.says('one', true, { baldurEnds: counted, tyrEnds: counted, stopsRefused: counted });
    expect((await inTrouble()).toSorted()).toEqual(['web-one ended', 'web-one refused']);
    await expect(ingest.says('one', true, { baldurEnds: Number(2n ** 64n - 1n) })).rejects.toThrow(/out of range/);
  });

  it('is told of when it was Tyr, which counts the ends of its Baldur anew', async () => {
    const ingest = new Ingest();
    await ingest.arrives('one');
    await ingest.says('one', true, { baldurEnds: 3 });
    await passes(60, ingest);
    await ingest.says('one', true, { tyrEnds: 1 });
    expect(await inTrouble()).toEqual(['web-one ended']);
  });

  it('is none when Tyr ended in order, and its Baldur with it', async () => {
    const ingest = new Ingest();
    await ingest.arrives('one');
    await ingest.says('one', true, { baldurEnds: 3, tyrEnds: 1 });
    await passes(60, ingest);
    await ingest.says('one', true, { tyrEnds: 1 });
    expect(await inTrouble()).toEqual([]);
  });
});

describe('nobody is missed', () => {
  it('while no ingest listens', async () => {
    const ingest = new Ingest();
    await ingest.leaves('one', await ingest.arrives('one'));
    await passes(3_600);
    expect(await inTrouble()).toEqual([]);
  });

  it('until an ingest that has just begun has listened for half a minute', async () => {
    const before = new Ingest();
    for (const host of ['one', 'two']) await before.arrives(host);
    await passes(3_600);
    const ingest = new Ingest();
    await ingest.arrives('two');
    await passes(29, ingest);
    expect(await inTrouble()).toEqual([]);
    await passes(2, ingest);
    expect(await inTrouble()).toEqual(['web-one silent']);
  });

  it('after a break in which ingest could not write, until it has listened again for that long', async () => {
    const ingest = new Ingest();
    for (const host of ['one', 'two']) await ingest.arrives(host);
    await passes(60);
    await ingest.leaves('one', (await connectionOf('one')) ?? '');
    await passes(20, ingest);
    expect(await inTrouble()).toEqual([]);
    await passes(11, ingest);
    expect(await inTrouble()).toEqual(['web-one silent']);
  });

  it('who is the agent of a container, or was revoked before', async () => {
    const ingest = new Ingest();
    for (const host of ['one', 'two']) await ingest.leaves(host, await ingest.arrives(host));
    await store.manager.update(Host, { id: 'one' }, { inside: true });
    await store.manager.update(Host, { id: 'two' }, { revokedBefore: new Date() });
    await passes(60, ingest);
    expect(await inTrouble()).toEqual([]);
  });
});

it('a container that went a day ago is forgotten, a machine is not', async () => {
  const ingest = new Ingest();
  for (const host of ['one', 'two']) await ingest.leaves(host, await ingest.arrives(host));
  await store.manager.update(Host, { id: 'one' }, { inside: true });
  const left = async (): Promise<string[]> => {
    await forgetGoneContainers(store);
    const rows = await store.query<{ id: string }[]>('SELECT host_id AS id FROM host_presence ORDER BY host_id');
    return rows.map(({ id }) => id);
  };
  expect(await left()).toEqual(['one', 'two']);
  await store.query(`UPDATE host_presence SET left_at = left_at - interval '2 days'`);
  expect(await left()).toEqual(['two']);
});

it('a host of another tenant is not touched by a name that is not its own', async () => {
  const ingest = new Ingest();
  const presence = [{ tenantId: 'other', hostId: 'one', connection: randomUUID(), isConnected: false }];
  await writeHeard(store, { instance: ingest.instance, presence, protection: [] });
  expect(await store.query<HostTroubleRow[]>('SELECT * FROM host_presence')).toEqual([]);
});

async function connectionOf(hostId: string): Promise<string | undefined> {
  const rows = await store.query<{ connection: string }[]>('SELECT connection FROM host_presence WHERE host_id = $1', [
    hostId,
  ]);
  return rows[0]?.connection;
}
