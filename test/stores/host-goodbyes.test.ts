// Who is not missed, for a while: a host that says goodbye, one in maintenance, one whose agent is another run.
// @norn-strict
import { AuditEntry, hostsInTrouble, markTroublesTold, setMaintenance, type ProtectionChange } from '@norn/store';
import { Ingest, after, inTrouble, passes, store, withControlPlane } from './heard-hosts.ts';

withControlPlane();

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

describe('a wrong maintenance token', () => {
  const trail = async (): Promise<unknown[]> => {
    const rows = await store.manager.findBy(AuditEntry, { action: 'host.stop_refused' });
    return rows.map(({ actor, subject, details }) => ({ actor, subject, ...details }));
  };

  it('that somebody gave to stop an agent is told of, and in the trail, each time and once', async () => {
    const ingest = new Ingest();
    await ingest.arrives('one');
    await ingest.says('one', true);
    await passes(60, ingest);
    expect(await inTrouble()).toEqual([]);
    for (const stopsRefused of [1, 3]) {
      await ingest.says('one', true, { stopsRefused });
      const refused = await hostsInTrouble(store, after);
      expect(refused.map(({ kind }) => kind)).toEqual(['refused']);
      await markTroublesTold(store, refused);
      await passes(5, ingest);
      await ingest.says('one', false, { stopsRefused });
      await ingest.says('one', true, { stopsRefused });
      expect(await inTrouble()).toEqual([]);
    }
    expect(await trail()).toEqual([
      { actor: 'agent', subject: 'one', hostname: 'web-one', total: 1 },
      { actor: 'agent', subject: 'one', hostname: 'web-one', total: 3 },
    ]);
  });

  it('that was given while nobody heard the host is told of when it is back', async () => {
    const ingest = new Ingest();
    await ingest.leaves('two', await ingest.arrives('two'));
    await ingest.arrives('two');
    await passes(60, ingest);
    await ingest.says('two', true, { stopsRefused: 1 });
    expect(await inTrouble()).toEqual(['web-two refused']);
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
