// Rules that tenants brought along: whose batches they see, and what becomes of what they find.
import { event, type finding } from '@norn/contracts';
import { CorrelationSet, RuleEngine } from '@norn/rules';
import { ImportedRule, ensureTenant, importRules } from '@norn/store';
import { PostgresBroughtRules } from '../src/adapters/postgres-brought-rules.ts';
import { type BroughtRow, broughtRuleSet } from '../src/adapters/brought-rule-set.ts';
import { readRulePack } from '../src/adapters/rule-pack.ts';
import { AlertBook } from '../src/alerts/alert-book.ts';
import { Correlations } from '../src/correlations/correlations.ts';
import { createDetectionPipeline } from '../src/detection.pipeline.ts';
import { controlPlane, until } from './control-plane.ts';
import { batchRecord, process, reflexFinding } from './simulated-host.ts';

const pack = readRulePack();
const own = new RuleEngine(pack.rules);
const tool = process('tool', undefined, { commandLine: 'tool --quietly' });
const ran = [{ kind: event.EventKind.EXEC, by: tool }];

function row(ruleId: string, state: BroughtRow['state'], more: Partial<BroughtRow> = {}): BroughtRow {
  const body = `title: Rule ${ruleId}\nauthor: Ada\nlevel: high\nlogsource: { category: process_creation }\ndetection: { a: { Image|endswith: /tool }, condition: a }\n`;
  return { ruleId, state, file: `${ruleId}.yml`, body, ...more };
}

const refusals: string[] = [];
beforeEach(() => refusals.splice(0));

async function detect(rows: readonly BroughtRow[], record = batchRecord({ seq: 1, rows: ran })) {
  const set = broughtRuleSet(rows, pack.rules, (ruleId, why) => refusals.push(`${ruleId}: ${why}`));
  const brought = { of: (tenantId: string) => (tenantId === 'default' ? set : undefined) };
  const pipeline = createDetectionPipeline({
    engine: own,
    correlations: new Correlations(new CorrelationSet(pack), 500),
    book: new AlertBook(600_000_000n),
    brought,
  });
  const { ok } = await pipeline.run([record]);
  const [{ value }] = ok as [(typeof ok)[number]];
  return value;
}

const ids = (findings: readonly finding.Finding[]): string[] => findings.map(({ ruleId }) => ruleId).sort();

describe('a rule that a tenant brought along', () => {
  it('that observes leaves a finding with its author and opens no alert', async () => {
    const { findings, alerts } = await detect([row('quiet', 'observe')]);
    expect(findings).toEqual([expect.objectContaining({ ruleId: 'quiet', ruleAuthor: 'Ada', observed: true })]);
    expect(alerts).toEqual([]);
  });

  it('that alerts opens one, with its id and author among the findings', async () => {
    const { findings, alerts } = await detect([row('loud', 'alert'), row('quiet', 'observe')]);
    expect(ids(findings)).toEqual(['loud', 'quiet']);
    expect(alerts).toHaveLength(1);
    expect(alerts[0]?.findings).toEqual([
      expect.objectContaining({ ruleId: 'loud', ruleAuthor: 'Ada', observed: false, title: 'Rule loud' }),
    ]);
  });

  it("sees its own tenant's batches only", async () => {
    const elsewhere = batchRecord({ seq: 1, rows: ran }, 'other:host-1');
    expect((await detect([row('loud', 'alert')], elsewhere)).findings).toEqual([]);
  });

  it('is left out when it is off, blind here, or broken, and of the last it is told', async () => {
    const { findings } = await detect([
      row('off', 'off'),
      row('blind', 'alert', { body: row('x', 'alert').body.replace('category: process_creation', 'service: sshd') }),
      row('broken', 'alert', { body: 'title: [' }),
      row('good', 'observe'),
    ]);
    expect(ids(findings)).toEqual(['good']);
    expect(refusals).toEqual([expect.stringMatching(/^broken: broken\.yml:1: YAML: /)]);
  });

  describe('and correlations of it', () => {
    const count = (id: string, state: BroughtRow['state'], asked = 'tool_ran', by = 'host'): BroughtRow =>
      row(id, state, {
        body: `title: Often\nauthor: Grace\nlevel: high\ncorrelation:\n  type: event_count\n  rules: ${asked}\n  group-by: [${by}]\n  timespan: 1m\n  condition: { gte: 2 }\n`,
      });
    const named = (state: BroughtRow['state']): BroughtRow => ({
      ...row('part', state),
      body: `name: tool_ran\n${row('part', state).body}`,
    });
    const often = [0, 1].map((afterMs) => ({ kind: event.EventKind.EXEC, by: tool, afterMs }));
    const twice = batchRecord({ seq: 1, rows: [...often, { kind: event.EventKind.EXIT, by: tool, afterMs: 5_000 }] });

    it('count its events and have id, author and state of their own; the part alone is not told', async () => {
      const { findings, alerts } = await detect([named('observe'), count('often', 'alert')], twice);
      expect(findings).toEqual([
        expect.objectContaining({ ruleId: 'often', ruleAuthor: 'Grace', observed: false, title: 'Often' }),
      ]);
      expect(alerts).toHaveLength(1);
      const quiet = await detect([named('alert'), count('often', 'observe')], twice);
      expect(quiet.findings.map(({ observed }) => observed)).toEqual([true]);
      expect(quiet.alerts).toEqual([]);
    });

    it('count rules of Norn’s own, which are told of as ever', async () => {
      const own = pack.rules.find(({ id }) => id === '3a0f2c54-6a0e-4b39-9d2b-0c5a7f0f5a03')!;
      const dropped = process('k', undefined, { imagePath: '/dev/shm/k' });
      const rows = [0, 1, 5_000].map((afterMs) => ({ kind: event.EventKind.EXEC, by: dropped, afterMs }));
      const { findings } = await detect([count('often', 'alert', own.id)], batchRecord({ seq: 1, rows }));
      expect(ids(findings)).toEqual([own.id, 'often'].sort());
    });

    it('go to the tenant’s own counting when they group by nothing of one host', async () => {
      const { findings, forTenant } = await detect(
        [named('alert'), count('often', 'alert', 'tool_ran', 'UserId')],
        twice,
      );
      expect(findings).toEqual([]);
      expect(forTenant.map(({ value }) => value)).toEqual([
        expect.objectContaining({ rule: 'tool_ran' }),
        expect.objectContaining({ rule: 'tool_ran' }),
      ]);
    });

    it('are left out and told of when what they count is not there', async () => {
      const { findings } = await detect(
        [named('observe'), count('loose', 'alert', 'nobody'), count('often', 'alert')],
        twice,
      );
      expect(ids(findings)).toEqual(['often']);
      expect(refusals).toEqual([expect.stringMatching(/^loose: loose\.yml:6: correlation\.rules: no rule has/)]);
    });
  });

  it('is quietened by a filter: one that observes quietens only what observes, one that asks for what is not seen nothing', async () => {
    const filter = (state: BroughtRow['state'], field = 'CommandLine'): BroughtRow =>
      row('filter', state, {
        body: `title: Quiet\nlogsource: { category: process_creation }\nfilter: { rules: any, a: { ${field}|contains: quietly }, condition: not a }\n`,
      });
    const both = [row('loud', 'alert'), row('quiet', 'observe')];
    const found = async (...rows: BroughtRow[]) => ids((await detect([...both, ...rows])).findings);
    expect(await found()).toEqual(['loud', 'quiet']);
    expect(await found(filter('observe'))).toEqual(['loud']);
    expect(await found(filter('alert'))).toEqual([]);
    expect(await found(filter('alert', 'Unseen'))).toEqual(['loud', 'quiet']);
  });

  it('does not let an agent say that its finding is only observed', async () => {
    const reflex = { ...reflexFinding('a1', tool), observed: true };
    const { alerts } = await detect([], batchRecord({ seq: 1, rows: ran, findings: [reflex] }));
    expect(alerts).toHaveLength(1);
  });
});

describe('rules out of PostgreSQL', () => {
  it('are there at the start, by tenant, and follow what is changed', async () => {
    await using parts = await controlPlane();
    const { store, control } = parts;
    for (const id of ['default', 'other']) await ensureTenant(store.manager, id);
    const { body } = row('x', 'observe');
    const rule = { ruleId: 'mine', title: 'x', author: 'Ada', level: 'high', file: 'mine.yml', body };
    await importRules(store, { tenantId: 'default', actor: 'ada', rules: [rule] });
    const brought = new PostgresBroughtRules(control, pack.rules);
    try {
      await brought.open();
      expect(brought.of('default')?.states).toEqual(new Map([['mine', 'observe']]));
      expect(brought.of('other')).toBeUndefined();
      const before = brought.of('default');
      await importRules(store, { tenantId: 'other', actor: 'eve', rules: [{ ...rule, ruleId: 'theirs' }] });
      await until(() => brought.of('other') !== undefined);
      expect(brought.of('default')).toBe(before);
      await store.manager.update(ImportedRule, { tenantId: 'default' }, { state: 'off' });
      await until(() => brought.of('default') === undefined);
    } finally {
      await brought.close();
    }
  });
});
