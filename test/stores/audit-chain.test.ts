// The trail is sealed in a chain: whoever owns the database can change it, and then that shows.
// @norn-strict
import { auditAll, createControlStore, ensureTenant, sealAudit, verifyAudit } from '@norn/store';
import { startPostgres, type TestPostgres } from '@norn/testkit';
import type { DataSource } from 'typeorm';

let postgres: TestPostgres;
let store: DataSource;
beforeAll(async () => {
  postgres = await startPostgres();
  store = await createControlStore({ postgresUrl: postgres.urlWithPassword });
  for (const tenant of ['acme', 'other']) await ensureTenant(store.manager, tenant);
});
afterAll(async () => {
  await store.destroy();
  await postgres.stop();
});

/** As its owner: the triggers stop Norn's own mistakes, not him. */
async function asOwner(change: string): Promise<void> {
  const tables = ['audit_entries', 'audit_seals'];
  for (const table of tables) await store.query(`ALTER TABLE ${table} DISABLE TRIGGER USER`);
  await store.query(change);
  for (const table of tables) await store.query(`ALTER TABLE ${table} ENABLE TRIGGER USER`);
}

const write = (tenantId: string, count: number): Promise<void> =>
  auditAll(
    store.manager,
    Array.from({ length: count }, (_, index) => ({
      tenantId,
      actor: 'ada',
      action: 'login',
      subject: `${index}`,
      details: { from: `é "${index}" \\`, nested: { b: 1, a: [1.5, null] } },
    })),
  );

async function sealAll(): Promise<void> {
  while (await sealAudit(store));
}

it('seals each entry once, however many seal at once, and each tenant has a chain of its own', async () => {
  await write('acme', 1_200);
  await write('other', 3);
  expect(await verifyAudit(store, 'acme')).toMatchObject({ sealed: 0, waiting: 1_200, head: '', broken: undefined });
  await Promise.all([sealAll(), sealAll(), sealAll()]);
  await sealAll();
  const whole = await verifyAudit(store, 'acme');
  expect(whole).toEqual({
    sealed: 1_200,
    waiting: 0,
    head: expect.stringMatching(/^[0-9a-f]{64}$/),
    broken: undefined,
  });
  expect(await verifyAudit(store, 'other')).toMatchObject({ sealed: 3, broken: undefined });
  await write('acme', 1);
  await sealAll();
  const longer = await verifyAudit(store, 'acme');
  expect([longer.sealed, longer.head === whole.head]).toEqual([1_201, false]);
});

describe('an entry that is put in later', () => {
  const put = (at: string): Promise<unknown> =>
    store.query(
      `INSERT INTO audit_entries (tenant_id, actor, action, subject, details, at) VALUES ('late', 'eve', 'login', 'x', '{}', ${at})`,
    );
  beforeAll(() => ensureTenant(store.manager, 'late'));

  it.each([
    ['before one that was there', `now() - interval '11 minutes'`, /dated before one that was there before it/],
    ['after it was sealed', `now() + interval '5 years'`, /dated after it was sealed/],
  ])('shows by its date, %s', async (_, at, reason) => {
    await write('late', 1);
    await sealAll();
    await put(at);
    await sealAll();
    expect((await verifyAudit(store, 'late')).broken?.reason).toMatch(reason);
    await asOwner(`DELETE FROM audit_seals WHERE tenant_id = 'late'`);
    await asOwner(`DELETE FROM audit_entries WHERE tenant_id = 'late'`);
  });

  it('is none when nobody sealed for a while', async () => {
    for (const minutes of [90, 30, 60]) {
      for (let i = 0; i < 300; i += 1) await put(`now() - interval '${minutes} minutes'`);
    }
    await write('late', 1);
    await sealAll();
    expect(await verifyAudit(store, 'late')).toMatchObject({ sealed: 901, broken: undefined });
  });
});

it('knows a seal that was kept, and misses it when the end was cut off or all was written anew', async () => {
  await write('acme', 1);
  await sealAll();
  const { sealed: number, head: hash } = await verifyAudit(store, 'acme');
  await write('acme', 2);
  await sealAll();
  const ask = async (kept: { number: number; hash: string }): Promise<string> =>
    (await verifyAudit(store, 'acme', kept)).broken?.reason ?? 'whole';
  expect(await ask({ number, hash })).toBe('whole');
  expect(await ask({ number, hash: 'ab'.repeat(32) })).toMatch(/^its seal is not the one that was kept/);
  expect(await ask({ number: number + 100, hash })).toMatch(/the end of the trail was cut off$/);
});

const third = `SELECT entry_id FROM audit_seals WHERE tenant_id = 'other' AND number = 3`;

it.each([
  ['an entry was changed', `UPDATE audit_entries SET subject = 'x' WHERE id = (${third})`, 'is not what was sealed'],
  ['an entry was taken out', `DELETE FROM audit_entries WHERE id = (${third})`, 'the entry is missing'],
  [
    'its seal was taken out too',
    `DELETE FROM audit_seals WHERE tenant_id = 'other' AND number = 3`,
    'a seal is missing',
  ],
])('shows that %s', async (_, change, reason) => {
  await write('other', 2);
  await sealAll();
  expect((await verifyAudit(store, 'other')).sealed).toBeGreaterThanOrEqual(2);
  await asOwner(change);
  expect((await verifyAudit(store, 'other')).broken).toEqual({ number: 3, reason: expect.stringContaining(reason) });
});

it('shows entries that were kept from being sealed', async () => {
  await write('acme', 1);
  await store.query('DELETE FROM audit_unsealed');
  await asOwner(
    `UPDATE audit_entries SET at = at - interval '1 hour' WHERE id NOT IN (SELECT entry_id FROM audit_seals)`,
  );
  expect((await verifyAudit(store, 'acme')).broken?.reason).toMatch(/^1 entries were never sealed/);
});
