// Rules on a real PostgreSQL: what is listed, what an import takes and refuses, and that tenants keep theirs to themselves.
import type { ShownRuleImport } from '@norn/contracts';
import { AuditEntry, ImportedRule } from '@norn/store';
import { type ApiTrial, startApiTrial } from './api-trial.ts';
import { seedTenant } from './seeds/index.ts';

jest.setTimeout(120_000);

interface RuleList {
  readonly rules: readonly {
    id: string;
    title: string;
    origin: string;
    state: string;
    extent: string;
    lacks: string[];
    author: string;
  }[];
  readonly blindSpots: readonly { cause: string; what: string; why: string; rules: string[] }[];
  readonly summary: string;
}

const id = (number: number): string => `00000000-0000-4000-8000-0000000000${String(number).padStart(2, '0')}`;
const rule = (number: number, source = 'category: process_creation', level = 'high'): string => `title: Rule ${number}
id: ${id(number)}
author: Ada, Grace
logsource: { product: linux, ${source} }
level: ${level}
detection: { a: { Image|endswith: /tool${number} }, condition: a }
`;

describe('rules', () => {
  let trial: ApiTrial;
  let admin: string;
  let viewer: string;
  let stranger: string;

  beforeAll(async () => {
    trial = await startApiTrial();
    await seedTenant(trial, 'default');
    await seedTenant(trial, 'other');
    [admin, viewer, stranger] = await Promise.all([
      trial.tokenOf('admin'),
      trial.tokenOf('viewer'),
      trial.tokenOf('admin', 'other'),
    ]);
  });

  afterAll(() => trial.close());

  async function ask(token: string, path: string, body?: object): Promise<{ status: number; body: unknown }> {
    const response = await fetch(`${trial.url}/api/v1/rules${path}`, {
      method: body ? 'POST' : 'GET',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    return { status: response.status, body: await response.json() };
  }
  const list = async (token: string): Promise<RuleList> => (await ask(token, '')).body as RuleList;
  const take = async (
    token: string,
    files: object[],
  ): Promise<{ status: number; body: ShownRuleImport & { code: string } }> => {
    const { status, body } = await ask(token, '/import', { files });
    return { status, body: body as ShownRuleImport & { code: string } };
  };

  it("are Norn's own at first, and all of them run", async () => {
    const { rules, blindSpots, summary } = await list(viewer);
    expect(rules.length).toBeGreaterThanOrEqual(10);
    for (const { id, title, origin, state, author } of rules) {
      expect([title, id.length, origin, state, author]).toEqual([title, 36, 'norn', 'alert', '']);
    }
    expect(rules.filter(({ extent }) => extent === 'none')).toEqual([]);
    expect(blindSpots.every(({ rules, why }) => rules.length > 0 && why !== '')).toBe(true);
    expect(summary).toContain(`of ${rules.length} rules run wholly`);
  });

  it('are taken in one by one, and begin by observing', async () => {
    const own = (await list(viewer)).rules[0]?.id ?? '';
    const { status, body } = await take(admin, [
      { name: 'a.yml', text: rule(1) },
      { name: 'b.yml', text: rule(2).replace('Image|endswith', 'Image|endwith') },
      { name: 'c.yml', text: rule(3, 'service: sshd') },
      { name: 'd.yml', text: rule(1) },
      { name: 'e.yml', text: rule(4).replace(id(4), own) },
      { name: 'f.yml', text: rule(5).replace(/id: .*\n/, '') },
    ]);
    expect(status).toBe(201);
    expect(body).toMatchObject({ imported: 3, refused: 3 });
    expect(body.files.map(({ file, error }) => [file, error.slice(0, 60)])).toEqual([
      ['a.yml', ''],
      ['b.yml', 'b.yml:6: detection.a.Image|endwith: modifier "endwith" is no'],
      ['c.yml', ''],
      ['d.yml', expect.stringContaining('d.yml:1: id:')],
      ['e.yml', expect.stringContaining('e.yml:1: id:')],
      ['f.yml', ''],
    ]);
    const imported = (await list(viewer)).rules.filter(({ origin }) => origin === 'imported');
    expect(imported.map(({ title, state, extent, author }) => [title, state, extent, author]).sort()).toEqual([
      ['Rule 1', 'observe', 'whole', 'Ada, Grace'],
      ['Rule 3', 'observe', 'none', 'Ada, Grace'],
      ['Rule 5', 'observe', 'whole', 'Ada, Grace'],
    ]);
    expect((await list(viewer)).blindSpots).toContainEqual(
      expect.objectContaining({ cause: 'log source', what: 'service sshd', rules: ['Rule 3'] }),
    );
    const trail = await trial.control.manager.findBy(AuditEntry, { tenantId: 'default', action: 'rules.imported' });
    expect(trail).toHaveLength(1);
  });

  it('keep their state and get the new text when they come again', async () => {
    await ask(admin, `/${id(1)}/state`, { state: 'alert' });
    expect(
      (await take(admin, [{ name: 'renamed.yml', text: rule(1, 'category: file_event', 'low') }])).body.imported,
    ).toBe(1);
    const row = await trial.control.manager.findOneByOrFail(ImportedRule, { tenantId: 'default', ruleId: id(1) });
    expect(row).toMatchObject({ state: 'alert', level: 'low', file: 'renamed.yml' });
  });

  it('open alerts when one says so, and leave a trace of it', async () => {
    const set = (token: string, ruleId: string, state: string) => ask(token, `/${ruleId}/state`, { state });
    expect((await set(admin, id(1), 'off')).status).toBe(200);
    const { status, body } = await set(admin, id(1), 'alert');
    expect([status, (body as RuleList).rules.find((rule) => rule.id === id(1))?.state]).toEqual([200, 'alert']);
    expect((await set(admin, id(1), 'loud')).status).toBe(400);
    expect((await set(viewer, id(1), 'off')).status).toBe(403);
    expect(await set(stranger, id(1), 'off')).toMatchObject({ status: 404, body: { code: 'rule_unknown' } });
    const trail = await trial.control.manager.find(AuditEntry, {
      where: { action: 'rules.state' },
      order: { at: 'ASC' },
    });
    expect(trail.slice(-2).map(({ subject, details }) => [subject, details])).toEqual([
      [id(1), { state: 'off' }],
      [id(1), { state: 'alert' }],
    ]);
  });

  it('of one tenant are not those of another', async () => {
    expect((await list(stranger)).rules.filter(({ origin }) => origin === 'imported')).toEqual([]);
    expect((await take(stranger, [{ name: 'a.yml', text: rule(1) }])).body.imported).toBe(1);
    const rows = await trial.control.manager.findBy(ImportedRule, { ruleId: id(1) });
    expect(rows.map(({ tenantId, state }) => [tenantId, state]).sort()).toEqual([
      ['default', 'alert'],
      ['other', 'observe'],
    ]);
  });

  it('are brought along by those who may', async () => {
    expect((await take(viewer, [{ name: 'a.yml', text: rule(6) }])).status).toBe(403);
    expect((await take(await trial.tokenOf('responder'), [{ name: 'a.yml', text: rule(6) }])).status).toBe(403);
  });

  it.each([
    ['no file', []],
    ['too many files', Array.from({ length: 201 }, () => ({ name: 'a.yml', text: '' }))],
    ['a file that is too long', [{ name: 'a.yml', text: 'x'.repeat(65_537) }]],
    ['a key that is not known', [{ name: 'a.yml', text: '', tenantId: 'other' }]],
  ])('with %s are not understood', async (_what, files) => {
    const { status, body } = await take(admin, files);
    expect([status, body.code]).toEqual([400, 'input_invalid']);
  });
});
