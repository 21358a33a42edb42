// What a query fails with when PostgreSQL is stopped, hangs, or ends under it is told from what fails for another reason.
// @norn-strict
import { createControlStore, isControlStoreAway, isControlStoreFull, openControlStore } from '@norn/store';
import { startPostgres, type TestPostgres } from '@norn/testkit';
import type { DataSource } from 'typeorm';

let postgres: TestPostgres;
let store: DataSource;
beforeAll(async () => {
  postgres = await startPostgres();
  store = await createControlStore({ postgresUrl: postgres.urlWithPassword, poolMax: 2 });
});
afterAll(async () => {
  await store.destroy();
  await postgres.stop();
});

const failureOf = (sql: string): Promise<unknown> =>
  store.query(sql).then(
    () => undefined,
    (error: unknown) => error,
  );

it('tells a wrong query and a missing file from a server that is away', async () => {
  expect(isControlStoreAway(await failureOf('SELECT nothing_like_it'))).toBe(false);
  expect(isControlStoreAway(await failureOf('SELECT 1 FROM no_such_table'))).toBe(false);
  expect(isControlStoreAway(Object.assign(new Error('open /x'), { code: 'ENOENT', syscall: 'open' }))).toBe(false);
});

it('knows a server without room, and one that breaks a connection off, by what SQLSTATE says', async () => {
  const raised = (code: string): Promise<unknown> =>
    failureOf(`DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '${code}'; END $$`);
  const told = async (code: string): Promise<object> => {
    const failure = await raised(code);
    return { code, full: isControlStoreFull(failure), away: isControlStoreAway(failure) };
  };
  for (const code of ['53100', '53200', '53300']) expect(await told(code)).toEqual({ code, full: true, away: false });
  for (const code of ['57P01', '57P02', '57P03', '08000', '08006'])
    expect(await told(code)).toEqual({ code, full: false, away: true });
  for (const code of ['23505', '40001']) expect(await told(code)).toEqual({ code, full: false, away: false });
  const failure = await failureOf(
    'SET temp_file_limit = 64; SELECT count(DISTINCT n) FROM generate_series(1, 3000000) n',
  );
  expect([String(failure), isControlStoreFull(failure)]).toEqual([expect.stringContaining('temporary file'), true]);
});

it('knows a server that gives no connection in time', async () => {
  const runs = [store.createQueryRunner(), store.createQueryRunner()];
  for (const run of runs) await run.query('SELECT 1');
  const failed = await failureOf('SELECT 1');
  for (const run of runs) await run.release();
  expect(isControlStoreAway(failed)).toBe(true);
});

it('knows a server that hangs, and waits no longer than it was told', async () => {
  const hasty = await openControlStore({ postgresUrl: postgres.urlWithPassword, answerWithinMs: 300 });
  const failed: unknown = await hasty.query('SELECT pg_sleep(20)').catch((error: unknown) => error);
  expect([String(failed), isControlStoreAway(failed)]).toEqual([expect.stringContaining('Query read timeout'), true]);
  await hasty.destroy();
});

it('knows a connection whose server ends, and a server that is gone', async () => {
  const asked = failureOf('SELECT pg_sleep(60)');
  await postgres.stop();
  const failures = [await asked, await failureOf('SELECT 1')];
  expect(failures.map((failure) => [String(failure), isControlStoreAway(failure)])).toEqual(
    failures.map((failure) => [String(failure), true]),
  );
});
