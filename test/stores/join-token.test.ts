// Join tokens: one host, or as many as a cluster has nodes; never one more.
// @norn-strict
import { createControlStore, createToken, ensureTenant, redeemToken } from '@norn/store';
import { startPostgres, type TestPostgres } from '@norn/testkit';
import type { DataSource } from 'typeorm';

let postgres: TestPostgres;
let store: DataSource;
beforeAll(async () => {
  postgres = await startPostgres();
  store = await createControlStore({ postgresUrl: postgres.urlWithPassword, poolMax: 4 });
  await ensureTenant(store.manager, 'default');
});
afterAll(async () => {
  await store.destroy();
  await postgres.stop();
});

const join = { tenantId: 'default', userId: null, ttlMs: 60_000 };
/** How many of `callers` at once are let in. */
const letIn = async (token: string, callers: number): Promise<number> => {
  const rows = await Promise.all(
    Array.from({ length: callers }, () => store.transaction((manager) => redeemToken(manager, 'join', token))),
  );
  return rows.filter((row) => row !== null).length;
};

it('lets in one host', async () => {
  expect(await letIn(await createToken(store.manager, 'join', join), 5)).toBe(1);
});

it('lets in as many as it is made for, also of many at once', async () => {
  const token = await createToken(store.manager, 'join', { ...join, usesMax: 3 });
  expect(await letIn(token, 2)).toBe(2);
  expect(await letIn(token, 5)).toBe(1);
  expect(await letIn(token, 1)).toBe(0);
});

it('lets in more when it is made for more, and not when it is made again for as many', async () => {
  const secret = await createToken(store.manager, 'join', { ...join, usesMax: 2 });
  expect(await letIn(secret, 3)).toBe(2);
  await createToken(store.manager, 'join', { ...join, usesMax: 2, secret });
  expect(await letIn(secret, 3)).toBe(0);
  await createToken(store.manager, 'join', { ...join, usesMax: 4, secret });
  expect(await letIn(secret, 5)).toBe(2);
});
