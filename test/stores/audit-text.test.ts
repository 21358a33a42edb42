// What a stranger wrote, and a deed about it: the deed is in the trail, whatever the text was.
// @norn-strict
import { AuditEntry, auditAll, createControlStore, ensureTenant } from '@norn/store';
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

it('keeps text that PostgreSQL has no place for, but for the letter that it has no place for', async () => {
  const fact = { tenantId: 'default', actor: 'ada', action: 'deadletter.dropped', subject: '1-177' };
  const key = 'default:\0\n\ud800\\u0000';
  await auditAll(store.manager, [
    { ...fact, details: { key } },
    { ...fact, subject: '1-\0' },
  ]);
  const entries = await store.manager.find(AuditEntry);
  expect(new Map(entries.map(({ subject, details }) => [subject, details]))).toEqual(
    new Map<string, object>([
      ['1-177', { key: 'default:\ufffd\n\ufffd\\u0000' }],
      ['1-\ufffd', {}],
    ]),
  );
});
