// Who is missing: what ingest writes of its hosts, and whom detection's question finds, against a real control plane. Time is moved by changing what was written.
// @norn-strict
import { randomUUID } from 'node:crypto';
import { fromHex, toHex } from '@norn/base';
import { maintenanceProof } from '@norn/contracts';
import {
  AuditEntry,
  Host,
  Tenant,
  createControlStore,
  forgetGoneContainers,
  hostsInTrouble,
  maintenanceTokenOf,
  markTroublesTold,
  setMaintenance,
  writeHeard,
  type HostTroubleRow,
  type ProtectionChange,
} from '@norn/store';
import { type TestPostgres, startPostgres } from '@norn/testkit';
import type { DataSource } from 'typeorm';

const after = { silentS: 12, unprotectedS: 15 };

let postgres: TestPostgres;
let store: DataSource;
beforeAll(async () => {
  postgres = await startPostgres();
  store = await createControlStore({ postgresUrl: postgres.urlWithPassword });
  await store.manager.upsert(Tenant, { id: 'acme', name: 'Acme' }, ['id']);
  for (const id of ['one', 'two']) {
    await store.manager.insert(Host, { id, tenantId: 'acme', name: `web-${id}`, machineId: id });
  }
});
afterAll(async () => {
  await store.destroy();
  await postgres.stop();
});
beforeEach(async () => {
  await store.query('DELETE FROM host_presence');
  await store.query('DELETE FROM ingest_beats');
  await store.query('UPDATE hosts SET facts = NULL, inside = false, revoked_before = NULL');
});

/** An ingest with its hosts, as ingest writes them. */
class Ingest {
  readonly instance = randomUUID();

  beat(): Promise<void> {
    return writeHeard(store, { instance: this.instance, presence: [], protection: [] });
  }

  /** Returns the connection. */
  async arrives(hostId: string): Promise<string> {
    const connection = randomUUID();
    await this.told(hostId, connection, true);
    return connection;
  }

  leaves(hostId: string, connection: string): Promise<void> {
    return this.told(hostId, connection, false);
  }

  says(hostId: string, isProtected: boolean, said: Partial<ProtectionChange> = {}): Promise<void> {
    const none = { baldurEnds: 0, tyrEnds: 0, run: '', previousRun: '', leaving: '', leavingProof: '' } as const;
    const protection = [{ hostId, isProtected, ...none, ...said }];
    return writeHeard(store, { instance: this.instance, presence: [], protection });
  }

  private told(hostId: string, connection: string, isConnected: boolean): Promise<void> {
    const presence = [{ tenantId: 'acme', hostId, connection, isConnected }];
    return writeHeard(store, { instance: this.instance, presence, protection: [] });
  }
}

/** All that was written moves into the past, but that of ingests that go on listening. */
async function passes(seconds: number, ...listening: Ingest[]): Promise<void> {
  await store.query(
    `UPDATE ingest_beats SET beat_at = beat_at - make_interval(secs => $1), hearing_since = hearing_since - make_interval(secs => $1)`,
    [seconds],
  );
  await store.query(
    `UPDATE host_presence SET arrived_at = arrived_at - make_interval(secs => $1), left_at = left_at - make_interval(secs => $1),
       unprotected_since = unprotected_since - make_interval(secs => $1), ended_at = ended_at - make_interval(secs => $1),
       told_ended = told_ended - make_interval(secs => $1), told_silent = told_silent - make_interval(secs => $1),
       told_unprotected = told_unprotected - make_interval(secs => $1), replaced_at = replaced_at - make_interval(secs => $1),
       told_replaced = told_replaced - make_interval(secs => $1)`,
    [seconds],
  );
  // A break of more than 15 s would count as deaf: they have written all along.
  const instances = listening.map(({ instance }) => instance);
  await store.query('UPDATE ingest_beats SET beat_at = now() WHERE instance = ANY($1)', [instances]);
}

async function inTrouble(): Promise<string[]> {
  return (await hostsInTrouble(store, after)).map(({ hostName, kind }) => `${hostName} ${kind}`);
}

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

describe('a host whose agent said goodbye', () => {
  async function gone(leaving: ProtectionChange['leaving'], seconds: number): Promise<Ingest> {
    const ingest = new Ingest();
    const connection = await ingest.arrives('one');
    await passes(60, ingest);
    await ingest.says('one', true, { leaving });
    await ingest.leaves('one', connection);
    await passes(seconds, ingest);
    return ingest;
  }

  it('is told of as one that was stopped, once', async () => {
    await gone('stopped', 13);
    const stopped = await hostsInTrouble(store, after);
    expect(stopped.map(({ kind }) => kind)).toEqual(['stopped']);
    await markTroublesTold(store, stopped);
    expect(await inTrouble()).toEqual([]);
  });

  it('since it goes down has ten minutes to come back', async () => {
    const ingest = await gone('shutdown', 590);
    expect(await inTrouble()).toEqual([]);
    await passes(11, ingest);
    expect(await inTrouble()).toEqual(['web-one silent']);
  });

  it('and came back is without protection from its start on, not from its stop', async () => {
    const ingest = await gone('shutdown', 0);
    await ingest.says('one', false, { leaving: 'shutdown', run: 'aa' });
    await passes(300, ingest);
    await ingest.arrives('one');
    await ingest.says('one', false, { run: 'bb', previousRun: 'aa' });
    await passes(14, ingest);
    expect(await inTrouble()).toEqual([]);
    await ingest.says('one', false, { run: 'bb', previousRun: 'aa' });
    await passes(2, ingest);
    expect(await inTrouble()).toEqual(['web-one unprotected']);
  });

  it('and came back is missed as ever when it goes without a word', async () => {
    const ingest = await gone('shutdown', 300);
    const connection = await ingest.arrives('one');
    await ingest.says('one', true);
    await passes(60, ingest);
    await ingest.leaves('one', connection);
    await passes(13, ingest);
    expect(await inTrouble()).toEqual(['web-one silent']);
  });
});

describe('a host in maintenance', () => {
  const maintain = (until: Date | null): Promise<void> =>
    setMaintenance(store, { tenantId: 'acme', actor: 'ann', hostId: 'one' }, until);
  afterEach(() => maintain(null));

  it('is missed by nobody until that is over', async () => {
    await maintain(new Date(Date.now() + 3_600_000));
    const ingest = new Ingest();
    await ingest.leaves('one', await ingest.arrives('one'));
    await passes(60, ingest);
    expect(await inTrouble()).toEqual([]);
    await maintain(new Date(Date.now() - 60_000));
    expect(await inTrouble()).toEqual(['web-one silent']);
  });

  it('is no cover for another agent that speaks for it', async () => {
    await maintain(new Date(Date.now() + 3_600_000));
    const ingest = new Ingest();
    await ingest.arrives('one');
    await ingest.says('one', true, { run: 'aa' });
    await passes(60, ingest);
    await ingest.says('one', true, { run: 'bb' });
    expect(await inTrouble()).toEqual(['web-one replaced']);
  });
});

describe('another run of the agent', () => {
  /** A host that is heard by its first run. */
  async function heard(): Promise<Ingest> {
    const ingest = new Ingest();
    await ingest.arrives('one');
    await ingest.says('one', true, { run: 'aa' });
    await passes(60, ingest);
    return ingest;
  }

  it('is another agent with the same key, told of once, when it knows nothing of the one before', async () => {
    const ingest = await heard();
    expect(await inTrouble()).toEqual([]);
    await ingest.says('one', true, { run: 'bb' });
    const replaced = await hostsInTrouble(store, after);
    expect(replaced.map(({ kind }) => kind)).toEqual(['replaced']);
    await markTroublesTold(store, replaced);
    await passes(5, ingest);
    await ingest.says('one', false, { run: 'bb' });
    expect(await inTrouble()).toEqual([]);
  });

  it('is told of each time when two speak in turn', async () => {
    const ingest = await heard();
    for (const run of ['bb', 'aa', 'bb']) {
      await ingest.says('one', true, { run });
      const replaced = await hostsInTrouble(store, after);
      expect(replaced.map(({ kind }) => kind)).toEqual(['replaced']);
      await markTroublesTold(store, replaced);
      await passes(5, ingest);
    }
  });

  it('is the same agent when it names the one before, or was killed and says so', async () => {
    const ingest = await heard();
    await ingest.says('one', true, { run: 'bb', previousRun: 'aa' });
    expect(await inTrouble()).toEqual([]);
    await ingest.says('one', true, { run: 'cc', tyrEnds: 1 });
    expect(await inTrouble()).toEqual(['web-one ended']);
  });

  it('of an older agent, which says none, is one that does not know it, and the next is believed', async () => {
    const ingest = await heard();
    await ingest.says('one', true);
    expect(await inTrouble()).toEqual(['web-one replaced']);
    await markTroublesTold(store, await hostsInTrouble(store, after));
    await passes(5, ingest);
    await ingest.says('one', true, { run: 'bb' });
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
