// Hosts as ingest hears and writes them, before a real control plane. Time is moved by changing what was written.
import { randomUUID } from 'node:crypto';
import { Host, Tenant, createControlStore, hostsInTrouble, writeHeard, type ProtectionChange } from '@norn/store';
import { type TestPostgres, startPostgres } from '@norn/testkit';
import type { DataSource } from 'typeorm';

/** When detection asks. */
export const after = { silentS: 12, unprotectedS: 15 };

export let store: DataSource;

/** For the tests of a file: its control plane with two hosts of one tenant, which nobody has heard before each of them. */
export function withControlPlane(): void {
  let postgres: TestPostgres;
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
}

/** An ingest with its hosts, as ingest writes them. */
export class Ingest {
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
    const none = {
      baldurEnds: 0,
      tyrEnds: 0,
      stopsRefused: 0,
      run: '',
      previousRun: '',
      leaving: '',
      leavingProof: '',
    } as const;
    const protection = [{ hostId, isProtected, ...none, ...said }];
    return writeHeard(store, { instance: this.instance, presence: [], protection });
  }

  private told(hostId: string, connection: string, isConnected: boolean): Promise<void> {
    const presence = [{ tenantId: 'acme', hostId, connection, isConnected }];
    return writeHeard(store, { instance: this.instance, presence, protection: [] });
  }
}

/** All that was written moves into the past, but that of ingests that go on listening. */
export async function passes(seconds: number, ...listening: Ingest[]): Promise<void> {
  await store.query(
    `UPDATE ingest_beats SET beat_at = beat_at - make_interval(secs => $1), hearing_since = hearing_since - make_interval(secs => $1)`,
    [seconds],
  );
  await store.query(
    `UPDATE host_presence SET arrived_at = arrived_at - make_interval(secs => $1), left_at = left_at - make_interval(secs => $1),
       unprotected_since = unprotected_since - make_interval(secs => $1), ended_at = ended_at - make_interval(secs => $1),
       told_ended = told_ended - make_interval(secs => $1), told_silent = told_silent - make_interval(secs => $1),
       told_unprotected = told_unprotected - make_interval(secs => $1), replaced_at = replaced_at - make_interval(secs => $1),
       told_replaced = told_replaced - make_interval(secs => $1), refused_at = refused_at - make_interval(secs => $1),
       told_refused = told_refused - make_interval(secs => $1)`,
    [seconds],
  );
  // A break of more than 15 s would count as deaf: they have written all along.
  const instances = listening.map(({ instance }) => instance);
  await store.query('UPDATE ingest_beats SET beat_at = now() WHERE instance = ANY($1)', [instances]);
}

export async function inTrouble(): Promise<string[]> {
  return (await hostsInTrouble(store, after)).map(({ hostName, kind }) => `${hostName} ${kind}`);
}
