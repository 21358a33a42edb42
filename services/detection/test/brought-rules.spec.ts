// Rules that tenants brought along: whose batches they see, and what becomes of what they find.
import { event, type finding } from '@norn/contracts';
import { CorrelationSet, RuleEngine } from '@norn/rules';
import { type ControlStoreConfig, ImportedRule, createControlStore, ensureTenant, importRules } from '@norn/store';
import { startPostgres } from '@norn/testkit';
import { PostgresBroughtRules } from '../src/adapters/postgres-brought-rules.ts';
import { type BroughtRow, broughtRuleSet } from '../src/adapters/brought-rule-set.ts';
import { readRulePack } from '../src/adapters/rule-pack.ts';
import { AlertBook } from '../src/alerts/alert-book.ts';
import { Correlations } from '../src/correlations/correlations.ts';
import { createDetectionPipeline } from '../src/detection.pipeline.ts';
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
  const set = broughtRuleSet(rows, (ruleId, why) => refusals.push(`${ruleId}: ${why}`));
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

  it('does not let an agent say that its finding is only observed', async () => {
    const reflex = { ...reflexFinding('a1', tool), observed: true };
    const { alerts } = await detect([], batchRecord({ seq: 1, rows: ran, findings: [reflex] }));
    expect(alerts).toHaveLength(1);
  });
});

describe('rules out of PostgreSQL', () => {
  it('are there at the start, by tenant, and follow what is changed', async () => {
    await using parts = await controlPlane();
    const { store, config } = parts;
    for (const id of ['default', 'other']) await ensureTenant(store.manager, id);
    const { body } = row('x', 'observe');
    const rule = { ruleId: 'mine', title: 'x', author: 'Ada', level: 'high', file: 'mine.yml', body };
    await importRules(store, { tenantId: 'default', actor: 'ada', rules: [rule] });
    const brought = new PostgresBroughtRules(config);
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
  }, 60_000);
});

async function controlPlane() {
  const postgres = await startPostgres();
  const config: ControlStoreConfig = { postgresUrl: postgres.urlWithPassword };
  const store = await createControlStore(config);
  return {
    store,
    config,
    [Symbol.asyncDispose]: async () => {
      await store.destroy();
      await postgres.stop();
    },
  };
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries += 1) {
    if (tries > 300) throw new Error('It did not come to pass');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
