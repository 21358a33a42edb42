// Every correlation of the pack against runs of events of its own.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  buildRuleBatch,
  type CorrelationRule,
  CorrelationSet,
  fieldOfRow,
  type Occurrence,
  readRules,
  RuleEngine,
  type TestEvent,
} from './index.ts';

const pack = join(import.meta.dirname, '../pack');
const files = readdirSync(pack, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.yml'));
const { rules, correlations } = readRules(
  files.map((name) => ({ name, text: readFileSync(join(pack, name), 'utf8') })),
);
const engine = new RuleEngine(rules);
const set = new CorrelationSet({ rules, correlations });

/** Titles of the correlations that a run makes true. Host, lineage and parent are one unless an event names its own. */
function found(run: readonly TestEvent[]): string[] {
  return (['host', 'tenant'] as const).flatMap((scope) => {
    const correlator = set.createCorrelator(scope, { holdBackMs: 500 });
    run.forEach((event, at) => {
      for (const each of occurrences(event, at)) correlator.take(each);
    });
    return correlator.advance(Infinity).map(({ rule }) => rule.title);
  });
}

function occurrences(
  { at = 0, Lineage = 'lineage', Host = 'host', ...event }: TestEvent,
  number: number,
): Occurrence[] {
  const batch = buildRuleBatch([event]);
  const own = new Map([
    ['host', String(Host)],
    ['lineage', String(Lineage)],
    ['parent', 'parent'],
  ]);
  return engine.evaluate(batch).matches.flatMap(({ rule, row }) =>
    [rule.id, rule.name ?? ''].filter(Boolean).map((name) => ({
      timeMs: Number(at) * 1_000,
      id: String(number),
      rule: name,
      about: undefined,
      field: (field: string) => own.get(field) ?? fieldOfRow(rule, field, batch, row),
    })),
  );
}

describe('the correlations of the pack', () => {
  it.each(correlations.map((rule) => [rule.title, rule] as const))(
    '%s: found in its runs and in no others',
    (title, rule: CorrelationRule) => {
      expect(rule.id).toMatch(/^[0-9a-f-]{36}$/);
      expect(rule.description.length).toBeGreaterThan(40);
      expect(rule.techniques.length).toBeGreaterThan(0);
      expect(rule.falsepositives.length).toBeGreaterThan(0);
      const { positive = [], negative = [] } = rule.tests ?? {};
      expect(Math.min(positive.length, negative.length)).toBeGreaterThanOrEqual(2);
      for (const run of positive) expect([run, found(run)]).toEqual([run, expect.arrayContaining([title])]);
      for (const run of negative) expect([run, found(run)]).toEqual([run, expect.not.arrayContaining([title])]);
    },
  );
});
