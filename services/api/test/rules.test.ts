// Rules on a real PostgreSQL: what is listed, what an import takes and refuses, and that tenants keep theirs to themselves.
import type { ShownRuleImport } from '@norn/contracts';
import { AuditEntry, ImportedRule, addRuleCosts } from '@norn/store';
import { type ApiTrial, startApiTrial } from './api-trial.ts';
import { seedTenant } from './seeds/index.ts';

interface RuleList {
  readonly rules: readonly {
    id: string;
    title: string;
    origin: string;
    state: string;
    extent: string;
    lacks: string[];
    author: string;
    kind: string;
    usPer1000Events: number;
    overBudget: boolean;
    findings: number;
  }[];
  readonly findingsUnavailable: boolean;
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

  it('say what they cost in the last hour, to their own tenant, and whether that is too much', async () => {
    const [first, second] = (await list(viewer)).rules.map((each) => each.id) as [string, string];
    const row = { events: 2_000, looked: 10 };
    await addRuleCosts(trial.control, [
      { ...row, tenantId: '', ruleId: first, ns: 24_690 },
      { ...row, tenantId: '', ruleId: second, ns: 2_000_000 },
      { ...row, tenantId: 'other', ruleId: second, ns: 9_000_000 },
    ]);
    const listed = await list(viewer);
    const shown = [first, second].map((ruleId) => listed.rules.find((each) => each.id === ruleId)!);
    expect(shown.map((each) => [each.usPer1000Events, each.overBudget, each.findings])).toEqual([
      [12.3, false, 0],
      [1_000, true, 0],
    ]);
    expect(listed.findingsUnavailable).toBe(false);
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

  it('are refused by file and reason for a character that nobody sees, and the others are taken', async () => {
    const quoted = (key: string, text: string): string =>
      rule(40).replace(new RegExp(`${key}: .*`), `${key}: "${text}"`);
    const { status, body } = await take(stranger, [
      { name: 'nul.yml', text: rule(41).replace('Rule 41', 'a\0b') },
      { name: 'nul-value.yml', text: rule(42).replace('/tool42', '/a\0') },
      { name: 'nul\0name.yml', text: rule(43) },
      { name: 'escaped-nul.yml', text: quoted('title', 'a\\0b') },
      { name: 'colour.yml', text: quoted('title', 'a\\e[31mb') },
      { name: 'author.yml', text: quoted('author', 'a\\ab') },
      { name: 'fine.yml', text: quoted('title', 'Right \\u202e to left').replace('/tool40', '"/a\\0\\e"') },
    ]);
    expect([status, body.imported, body.refused]).toEqual([201, 1, 6]);
    expect(body.files.map(({ error }) => error)).toEqual([
      'nul.yml:1: the file: holds the control character U+0000: take it out, or write "\\0" for it',
      expect.stringContaining('nul-value.yml:6: the file: holds the control character U+0000'),
      'nul\0name.yml:1: the name: holds the control character U+0000, which no file has in its name',
      'escaped-nul.yml:1: title: holds the control character U+0000: take it out',
      'colour.yml:1: title: holds the control character U+001B: take it out',
      'author.yml:1: author: holds the control character U+0007: take it out',
      '',
    ]);
    // What others expect of this tenant is that it has none.
    await trial.control.manager.delete(ImportedRule, { tenantId: 'other', ruleId: id(40) });
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

  describe('with correlations and filters', () => {
    const part = (number: number): string => rule(number).replace('title:', `name: tool_${number}\ntitle:`);
    const correlation = (number: number, asked: string): string => `title: Rule ${number}
id: ${id(number)}
author: Ada
level: high
correlation:
  type: event_count
  rules: ${asked}
  group-by: [User]
  timespan: 5m
  condition: { gte: 3 }
`;
    const filter = (number: number, asked: string): string => `title: Rule ${number}
id: ${id(number)}
logsource: { product: linux, category: process_creation }
filter:
  rules: [${asked}]
  backup: { ParentImage|endswith: /backup }
  condition: not backup
`;
    const remove = async (ruleId: string): Promise<{ status: number; body: unknown }> => {
      const headers = { authorization: `Bearer ${admin}` };
      const response = await fetch(`${trial.url}/api/v1/rules/${ruleId}`, { method: 'DELETE', headers });
      return { status: response.status, body: await response.json() };
    };
    const state = (number: number, to: string) => ask(admin, `/${id(number)}/state`, { state: to });

    it('take several documents of a file, and refer to one another and to Norn’s own', async () => {
      const own = (await list(viewer)).rules[0]?.id ?? '';
      const { body } = await take(admin, [
        { name: 'count.yml', text: `${correlation(20, '[tool_21]')}---\n${part(21)}` },
        { name: 'quiet.yml', text: filter(22, 'tool_21') },
        { name: 'own.yml', text: correlation(23, `[${own}]`) },
      ]);
      expect(body.files.map(({ file, ruleId, error }) => [file, ruleId, error])).toEqual([
        ['count.yml', id(20), ''],
        ['count.yml', id(21), ''],
        ['quiet.yml', id(22), ''],
        ['own.yml', id(23), ''],
      ]);
      const shown = (await list(viewer)).rules.filter((each) => [20, 21, 22, 23].map(id).includes(each.id));
      expect(shown.map((each) => [each.title, each.kind, each.state, each.extent, each.author])).toEqual([
        ['Rule 20', 'correlation', 'observe', 'whole', 'Ada'],
        ['Rule 21', 'rule', 'observe', 'whole', 'Ada, Grace'],
        ['Rule 22', 'filter', 'observe', 'whole', ''],
        ['Rule 23', 'correlation', 'observe', 'whole', 'Ada'],
      ]);
    });

    it('are refused with line, construct and cure, and what needs a refused one with it', async () => {
      const { rules } = await list(viewer);
      const own = rules.find(({ kind }) => kind === 'rule')?.id ?? '';
      const ofOwn = rules.find(({ kind, origin }) => kind === 'correlation' && origin === 'norn')?.id ?? '';
      const { body } = await take(admin, [
        { name: 'a.yml', text: correlation(30, '[nobody]') },
        { name: 'b.yml', text: correlation(31, `[${id(30)}]`) },
        { name: 'c.yml', text: filter(32, own) },
        { name: 'd.yml', text: correlation(33, `[${ofOwn}]`) },
        { name: 'e.yml', text: correlation(34, `[${id(34)}]`) },
        { name: 'f.yml', text: `${part(35)}---\n${part(36).replace('Image|endswith', 'Image|endwith')}` },
        { name: 'g.yml', text: part(37) },
      ]);
      expect(body).toMatchObject({ imported: 1, refused: 6 });
      expect(body.files.map(({ error }) => error)).toEqual([
        expect.stringMatching(/^a\.yml:7: correlation\.rules: no rule has the id or name "nobody": /),
        expect.stringMatching(/^b\.yml:7: correlation\.rules: no rule has the id or name /),
        expect.stringMatching(/^c\.yml:5: filter\.rules: .* is one of Norn's own rules: make an exception/),
        expect.stringMatching(/^d\.yml:7: correlation\.rules: .* is a correlation of Norn's own: name the rules/),
        expect.stringMatching(/^e\.yml:7: correlation\.rules: awaits itself/),
        expect.stringMatching(/^f\.yml:15: detection\.a\.Image\|endwith: /),
        '',
      ]);
    });

    it('keep what they need, as long as they need it', async () => {
      const needed = { status: 409, body: { code: 'rule_needed', message: expect.stringContaining('Rule 20') } };
      expect(await state(21, 'off')).toMatchObject(needed);
      expect(await remove(id(21))).toMatchObject(needed);
      expect((await state(20, 'off')).status).toBe(200);
      expect((await state(21, 'off')).status).toBe(200);
      expect(await state(20, 'alert')).toMatchObject({ status: 409, body: { code: 'rule_needed' } });
      expect((await remove(id(20))).status).toBe(200);
      expect(await remove(id(21))).toMatchObject({ body: { message: expect.stringContaining('Rule 22') } });
      expect((await remove(id(22))).status).toBe(200);
      expect((await remove(id(21))).status).toBe(200);
      expect(await remove(id(21))).toMatchObject({ status: 404, body: { code: 'rule_unknown' } });
      expect((await list(viewer)).rules.some((each) => each.id === id(21))).toBe(false);
    });
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
