// What rules cost, from the batch to the control plane.
import { event } from '@norn/contracts';
import { CorrelationSet, RuleEngine } from '@norn/rules';
import { ruleCosts } from '@norn/store';
import { broughtRuleSet } from '../src/adapters/brought-rule-set.ts';
import { PostgresRuleCosts } from '../src/adapters/postgres-rule-costs.ts';
import { readRulePack } from '../src/adapters/rule-pack.ts';
import { AlertBook } from '../src/alerts/alert-book.ts';
import { Correlations } from '../src/correlations/correlations.ts';
import { RuleCosts } from '../src/costs/rule-costs.ts';
import { createDetectionPipeline } from '../src/detection.pipeline.ts';
import { controlPlane } from './control-plane.ts';
import { batchRecord, process } from './simulated-host.ts';

const pack = readRulePack();
const body =
  'title: Tool\nlogsource: { category: process_creation }\ndetection: { a: { Image|endswith: /tool }, condition: a }\n';

/** A clock that goes on by a microsecond whenever somebody looks. */
function steps(): () => number {
  let ns = 0;
  return () => (ns += 1_000);
}

async function judged(costs: RuleCosts): Promise<void> {
  const set = broughtRuleSet([{ ruleId: 'tool', state: 'alert', file: 'tool.yml', body }], [], () => undefined);
  const pipeline = createDetectionPipeline({
    engine: new RuleEngine(pack.rules, { clock: steps() }),
    correlations: new Correlations(new CorrelationSet(pack), 500),
    book: new AlertBook(1n),
    brought: { of: (tenantId) => (tenantId === 'default' ? set : undefined) },
    costs,
  });
  const rows = ['tool', 'whoami'].map((name) => ({ kind: event.EventKind.EXEC, by: process(name) }));
  await pipeline.run([batchRecord({ seq: 1, rows })]);
}

describe('what rules cost', () => {
  it('is known of the rules that were looked at: of Norn’s own for all tenants, of others for theirs', async () => {
    const costs = new RuleCosts();
    await judged(costs);
    const rows = costs.take();
    expect(rows.find(({ ruleId }) => ruleId === 'tool')).toMatchObject({ tenantId: 'default', events: 2, looked: 1 });
    const own = rows.filter(({ tenantId }) => tenantId === '');
    expect(own.length).toBeGreaterThan(0);
    // One look of a microsecond, of one batch in sixteen.
    expect(own.every(({ events, ns, looked }) => events === 2 && ns === looked * 16_000)).toBe(true);
    expect(costs.take()).toEqual([]);
  });

  it('is written down, and read for the last hour by its own tenant', async () => {
    await using plane = await controlPlane();
    const { control, store } = plane;
    const costs = new RuleCosts();
    const writer = new PostgresRuleCosts({ postgresPasswordFile: '' }, control, costs);
    try {
      for (let minute = 0; minute < 2; minute += 1) {
        await judged(costs);
        await writer.write();
      }
      await store.query(`INSERT INTO rule_costs VALUES ('', 'late', now() - interval '61 minutes', 1, 1, 1)`);
      const [mine, others] = [await ruleCosts(store, 'default'), await ruleCosts(store, 'other')];
      expect(mine.find(({ ruleId }) => ruleId === 'tool')).toMatchObject({ events: 4, looked: 2 });
      expect(others.length).toBe(mine.length - 1);
      expect(mine.some(({ ruleId }) => ruleId === 'late')).toBe(false);
    } finally {
      await writer.onApplicationShutdown();
    }
  });
});
