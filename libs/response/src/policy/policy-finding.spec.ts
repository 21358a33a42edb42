// What a policy's decision says of itself in a finding, and what comes of it.
import { create } from '@bufbuild/protobuf';
import { finding } from '@norn/contracts';
import { buildRuleBatch } from '@norn/rules';
import { decideResponse, nothingAnswered, parsePolicy, PolicyEngine, policyResponseOf, sayDecision } from '../index.ts';

const { FindingSource, Severity } = finding;

/** The finding of a rule with these keys over one event. */
function found(keys: string, timeUs = Date.parse('2027-06-01') * 1000): finding.Finding {
  const text = `policy: trial\nrules:\n  - { name: one, when: { exec: { Image: /a } }, summary: It ran, ${keys} }\n`;
  const host = { groups: [], timeUsOf: () => timeUs };
  const batch = buildRuleBatch([{ EventKind: 'exec', Image: '/a' }]);
  const [decision] = new PolicyEngine(parsePolicy('p.yml', text)).decide(batch, host).decisions;
  const { evidence, ...said } = sayDecision(decision!);
  const about = { id: 'f1', ruleId: decision!.detection.id, source: FindingSource.RULE, severity: Severity.HIGH };
  return create(finding.FindingSchema, { ...about, ...said, evidence: evidence.map((each) => ({ ...each })) });
}

/** With "rule" in the table of protections. */
function actions(each: finding.Finding, response: 'observe' | 'kill' = 'observe'): string[] {
  const alert = create(finding.AlertSchema, { findings: [each] });
  return decideResponse(alert, new Map([['rule', response]]), nothingAnswered).map(({ action }) => action);
}

describe("a policy's decision", () => {
  it.each<[string, string[], string]>([
    ['action: alert', [], 'It ran'],
    ['action: suspend', ['suspend'], 'It ran'],
    ['action: kill', ['kill'], 'It ran'],
    ['action: kill-and-remediate', ['kill', 'restore'], 'It ran'],
    ['action: deny', ['kill'], 'It ran (denied where the host can: here killed)'],
    ['action: deny, otherwise: suspend', ['suspend'], 'It ran (denied where the host can: here suspended)'],
    ['action: deny, otherwise: alert', [], 'It ran (denied where the host can: here only told of)'],
    ["action: kill, observeUntil: '2027-07-01'", [], 'It ran (only observed until 2027-07-01)'],
    ["action: kill, observeUntil: '2027-05-01'", ['kill'], 'It ran'],
  ])('with %s asks for %j and says so', (keys, asked, summary) => {
    const each = found(keys);
    expect([actions(each), each.summary]).toEqual([asked, summary]);
  });

  it("goes before the response of the protection 'rule'", () => {
    expect(actions(found('action: alert'), 'kill')).toEqual([]);
    const other = create(finding.FindingSchema, {
      ...found('action: alert'),
      ruleId: '9d9fb739-dfcd-40ac-aac2-bbdd09eea492',
    });
    expect(actions(other, 'kill')).toEqual(['kill']);
  });

  it('is only observed when its rule says so or waits for its date', () => {
    expect(found('action: observe').observed).toBe(true);
    expect(found("action: kill, observeUntil: '2027-07-01'").observed).toBe(true);
    expect(found('action: alert').observed).toBe(false);
  });

  it('asks for nothing where an agent tells of it: what it says was denied there', () => {
    expect(policyResponseOf(found('action: kill'))).toBe('kill');
    const reflex = create(finding.FindingSchema, { ...found('action: kill'), source: FindingSource.REFLEX });
    expect(policyResponseOf(reflex)).toBe('observe');
  });
});
