// Policies in effect: what they decide about a tenant's batches, and how they come out of PostgreSQL.
import { create } from '@bufbuild/protobuf';
import { event, finding } from '@norn/contracts';
import { PolicyEngine, parsePolicy } from '@norn/response';
import { CorrelationSet, RuleEngine } from '@norn/rules';
import { Host, applyPolicy, ensureTenant, putHostGroup, rollbackPolicy } from '@norn/store';
import { PostgresPolicies } from '../src/adapters/postgres-policies.ts';
import { readRulePack } from '../src/adapters/rule-pack.ts';
import { AlertBook } from '../src/alerts/alert-book.ts';
import { Correlations } from '../src/correlations/correlations.ts';
import { createDetectionPipeline } from '../src/detection.pipeline.ts';
import { FindingRates } from '../src/rates/finding-rates.ts';
import { limits } from '../src/limits.ts';
import { controlPlane, until } from './control-plane.ts';
import { batchRecord, process, reflexFinding, startUs } from './simulated-host.ts';

const pack = readRulePack();
const own = new RuleEngine(pack.rules);
const server = process('nginx');
const shell = process('sh', server, { commandLine: 'sh -c id' });
const timeUs = BigInt(startUs);
const ran = [{ kind: event.EventKind.EXEC, by: shell }];
const packRule = 'Web or database server starts a shell';

const rule = (keys: string): string => `
  - { name: shells, when: { exec: { ParentImage|endswith: /nginx } }, ${keys} }
`;
const policyText = (rules: string): string => `policy: trial\nrules:${rules}`;

async function detect(rules: string, record = batchRecord({ seq: 1, rows: ran }), rates = new FindingRates()) {
  const engine = new PolicyEngine(parsePolicy('p.yml', policyText(rules)));
  const policy = { engine, number: 7, groupsOf: (hostId: string) => [hostId, 'web-1'] };
  const pipeline = createDetectionPipeline({
    engine: own,
    correlations: new Correlations(new CorrelationSet(pack), 500),
    book: new AlertBook(600_000_000n),
    rates,
    policies: { of: (tenantId) => (tenantId === 'default' ? policy : undefined) },
  });
  const { ok } = await pipeline.run([record]);
  const [{ value }] = ok as [(typeof ok)[number]];
  return value;
}

const told = (findings: readonly finding.Finding[]): [string, boolean][] =>
  findings.map(({ title, observed }): [string, boolean] => [title, observed]).sort();

describe('a policy in force', () => {
  it('that kills leaves a finding which says so, beside that of the pack', async () => {
    const { findings, alerts } = await detect(
      rule('action: deny, cve: CVE-2021-41773, level: critical, tests: { match: [{}], nomatch: [{}] }'),
    );
    const mine = findings.find(({ ruleId }) => ruleId === 'policy.trial.shells');
    expect(mine).toMatchObject({ ruleVersion: 7, severity: 5, observed: false });
    expect(mine?.summary).toBe('nginx started sh: sh -c id (denied where the host can: here killed)');
    expect(mine?.evidence.map(({ field, value }) => `${field} ${value}`)).toEqual([
      'ParentImage /usr/bin/nginx',
      'policy.action deny',
      'policy.response kill',
      'policy.cve CVE-2021-41773',
    ]);
    expect(told(findings)).toContainEqual([packRule, false]);
    expect(alerts).toHaveLength(1);
  });

  it('that kills has its finding in an alert that is full of others', async () => {
    const others = Array.from({ length: 100 }, (_, at) =>
      reflexFinding(`c${at}d`, shell, { source: finding.FindingSource.RULE, severity: finding.Severity.MEDIUM }),
    );
    const { alerts } = await detect(rule('action: kill'), batchRecord({ seq: 1, rows: ran, findings: others }));
    expect(alerts.map(({ findings }) => findings.length)).toEqual([100]);
    expect(alerts[0]?.findings.at(-1)?.ruleId).toBe('policy.trial.shells');
  });

  it('that allows an event makes the findings of other rules about it observed ones', async () => {
    const { findings, alerts } = await detect(rule('action: allow'));
    expect(told(findings)).toEqual([[packRule, true]]);
    expect(alerts).toEqual([]);
  });

  it('that only observes opens no alert, but one that waits for its date leaves it to the pack', async () => {
    const observing = await detect(rule('action: observe'));
    expect(told(observing.findings)).toEqual([
      ['Policy trial: shells', true],
      [packRule, true],
    ]);
    expect(observing.alerts).toEqual([]);
    const waiting = await detect(rule("action: kill, observeUntil: '2027-01-01'"));
    expect(told(waiting.findings)).toEqual([
      ['Policy trial: shells', true],
      [packRule, false],
    ]);
    expect(waiting.alerts).toHaveLength(1);
  });

  it('is carried out however often its rule decides within an hour, and told of as often as others are', async () => {
    const limitedAfterMany = async (action: string): Promise<boolean | undefined> => {
      const rates = new FindingRates();
      for (let number = 0; number <= limits.rates.findingsPerHourMax; number += 1) {
        const former = create(finding.FindingSchema, { id: String(number), ruleId: 'policy.trial.shells', timeUs });
        rates.isOverLimit('default:host-1', former);
      }
      const { findings } = await detect(rule(action), undefined, rates);
      return findings.find(({ ruleId }) => ruleId === 'policy.trial.shells')?.limited;
    };
    expect(await limitedAfterMany('action: kill')).toBe(false);
    expect(await limitedAfterMany('action: alert')).toBe(true);
  });

  it('that a host has enforced shows as its finding, and what comes of the same process is the same attack', async () => {
    const ruleId = `policy.${'p'.repeat(90)}.${'r'.repeat(90)}`;
    const denied = reflexFinding('d1', shell, {
      ruleId,
      title: 'Denied by policy',
      severity: finding.Severity.MEDIUM,
      response: { rung: finding.ResponseRung.DENIED, pids: [2], stoppedUs: timeUs },
    });
    const later = [{ kind: event.EventKind.EXEC, by: shell, afterMs: 60_000 }];
    const { findings, alerts } = await detect(
      rule('action: alert'),
      batchRecord({ seq: 1, rows: later, findings: [denied] }),
    );
    expect(findings.find(({ id }) => id === denied.id)).toMatchObject({ ruleId, observed: false, limited: false });
    expect(alerts).toHaveLength(1);
    expect(alerts[0]?.findings.length).toBe(findings.length);
    expect(alerts[0]?.confidence).toBeLessThan(90);
  });

  it('is asked about hosts by their names, and about its own tenant only', async () => {
    const ofGroup = (group: string): string => rule(`subjects: { hostGroup: '${group}' }, action: allow`);
    expect((await detect(ofGroup('web-*'))).alerts).toEqual([]);
    expect((await detect(ofGroup('db-*'))).alerts).toHaveLength(1);
    const elsewhere = batchRecord({ seq: 1, rows: ran }, 'other:host-1');
    expect((await detect(rule('action: allow'), elsewhere)).alerts).toHaveLength(1);
  });
});

describe('policies out of PostgreSQL', () => {
  it('are there at the start, and follow what is applied and rolled back', async () => {
    await using plane = await controlPlane();
    const { control, store } = plane;
    const policies = new PostgresPolicies(control);
    const about = { tenantId: 'default', actor: 'ada' };
    const unsigned = (): Uint8Array => new Uint8Array();
    try {
      await ensureTenant(store.manager, 'default');
      await store.manager.insert(Host, { id: 'h1', tenantId: 'default', name: 'web-1', machineId: 'm1' });
      await applyPolicy(store, { ...about, name: 'trial', body: policyText(rule('action: kill')) }, unsigned);
      await policies.open();
      expect(policies.of('default')).toMatchObject({ number: 1 });
      expect(policies.of('default')?.groupsOf('h1')).toEqual(['h1', 'web-1']);
      expect(policies.of('default')?.groupsOf('h2')).toEqual(['h2']);
      await putHostGroup(store, { ...about, name: 'shop', members: ['web-*'] }, unsigned);
      await until(() => policies.of('default')?.groupsOf('h1').includes('shop') === true);
      expect(policies.of('default')?.groupsOf('h2')).toEqual(['h2']);
      expect(policies.of('other')).toBeUndefined();
      await applyPolicy(store, { ...about, name: 'trial', body: policyText(rule('action: alert')) }, unsigned);
      await until(() => policies.of('default')?.number === 2);
      await applyPolicy(store, { ...about, name: 'broken', body: 'policy: [' }, unsigned);
      await until(() => policies.of('default') === undefined);
      await rollbackPolicy(store, { ...about, number: 1 }, unsigned);
      await until(() => policies.of('default')?.engine.policy.rules[0]?.action === 'kill');
    } finally {
      await policies.close();
    }
  });
});
