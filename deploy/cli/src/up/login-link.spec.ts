import { createLoginLink } from '@norn/prepare';
import { AccessToken, AuditEntry, User, createControlStore } from '@norn/store';
import { type TestPostgres, startPostgres } from '@norn/testkit';

type ControlStore = Awaited<ReturnType<typeof createControlStore>>;

describe('the link of ./norn login', () => {
  let postgres: TestPostgres;
  let store: ControlStore;
  beforeAll(async () => {
    postgres = await startPostgres();
    store = await createControlStore({ postgresUrl: postgres.urlWithPassword });
  });
  afterAll(async () => {
    await store.destroy();
    await postgres.stop();
  });

  const create = (): Promise<string> => createLoginLink({ postgresUrl: postgres.urlWithPassword }, 'http://norn/');
  const links = (): Promise<number> => store.manager.countBy(AccessToken, { kind: 'login' });

  it('is in the audit trail, with whom it signs in and without its secret', async () => {
    const link = await create();
    expect(link).toMatch(/^http:\/\/norn\/login#token=[\w-]{43}$/);
    const { id } = await store.manager.findOneByOrFail(User, { tenantId: 'default', name: 'admin' });
    const rows = await store.manager.findBy(AuditEntry, { action: 'login_link.created' });
    expect(rows).toMatchObject([{ tenantId: 'default', actor: 'admin', subject: id }]);
    expect(JSON.stringify(rows)).not.toContain(link.split('=')[1]);
  });

  it('is not made when the trail can not have it', async () => {
    const before = await links();
    await store.query('ALTER TABLE audit_entries ADD CONSTRAINT no_more CHECK (false) NOT VALID');
    await expect(create()).rejects.toThrow(/violates check constraint/);
    expect(await links()).toBe(before);
  });
});
