import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { fromHex } from '@norn/base';
import { finding } from '@norn/contracts';
import {
  decideResponse,
  findingsToRestore,
  nothingAnswered,
  protectionOf,
  type Answered,
} from './protection-response.ts';
import type { FindingResponse } from './policy/policy-finding.ts';

const { FindingSource, ResponseRung, Severity } = finding;
const scope = (digit: string): string => digit.repeat(32);

function reflex(
  id: string,
  rung: finding.ResponseRung,
  more: MessageInitShape<typeof finding.FindingSchema> = {},
): finding.Finding {
  return create(finding.FindingSchema, {
    id,
    ruleId: 'reflex.ransomware',
    source: FindingSource.REFLEX,
    severity: Severity.CRITICAL,
    scopeUid: fromHex(scope('a')),
    response: create(finding.ResponseSchema, { rung }),
    ...more,
  });
}

function decide(
  findings: finding.Finding[],
  response: FindingResponse,
  answered: Answered = nothingAnswered,
): string[] {
  const responses = new Map([['ransomware', response]]);
  const decisions = decideResponse(create(finding.AlertSchema, { findings }), responses, answered);
  return decisions.map(
    ({ action, scopeUids, findingIds }) =>
      `${action} ${scopeUids.map((uid) => uid[0]).join('')} ${findingIds.join('+')}`,
  );
}

describe('policy', () => {
  it.each<[FindingResponse, finding.ResponseRung, string[]]>([
    ['kill-and-remediate', ResponseRung.KILLED, ['restore a f1']],
    ['kill-and-remediate', ResponseRung.KILLED_AT_EXEC, ['restore a f1']],
    ['kill-and-remediate', ResponseRung.OBSERVED, ['kill a f1', 'restore a f1']],
    ['kill-and-remediate', ResponseRung.FROZEN, ['kill a f1', 'restore a f1']],
    ['kill', ResponseRung.OBSERVED, ['kill a f1']],
    ['kill', ResponseRung.KILLED, []],
    ['suspend', ResponseRung.OBSERVED, ['suspend a f1']],
    ['suspend', ResponseRung.FROZEN, []],
    ['observe', ResponseRung.OBSERVED, []],
  ])('%s after rung %s asks for %j', (response, rung, expected) => {
    expect(decide([reflex('f1', rung)], response)).toEqual(expected);
  });

  it('puts all scopes of one action into one decision, each scope once', () => {
    const findings = [
      reflex('f1', ResponseRung.KILLED),
      reflex('f2', ResponseRung.KILLED, { scopeUid: fromHex(scope('b')) }),
      reflex('f3', ResponseRung.KILLED),
    ];
    expect(decide(findings, 'kill-and-remediate')).toEqual(['restore ab f1+f2+f3']);
  });

  it('asks only for what no command has answered', () => {
    const findings = [
      reflex('f1', ResponseRung.KILLED),
      reflex('f2', ResponseRung.KILLED, { scopeUid: fromHex(scope('b')) }),
    ];
    const after = (...ids: string[]): Answered => ({ ...nothingAnswered, findingIds: new Set(ids) });
    expect(decide(findings, 'kill-and-remediate', after('f1'))).toEqual(['restore b f2']);
    expect(decide(findings, 'kill-and-remediate', after('f1', 'f2'))).toEqual([]);
  });

  it('restores what came later together with what was restored before', () => {
    const later = reflex('f2', ResponseRung.OBSERVED, { scopeUid: fromHex(scope('b')) });
    const answered = { findingIds: new Set(['f1']), restoredScopes: [scope('a')] };
    const decisions = decide([reflex('f1', ResponseRung.KILLED), later], 'kill-and-remediate', answered);
    expect(decisions).toEqual(['kill b f2', 'restore ab f2']);
  });

  it('observes what the table does not name, and what weighs less than medium', () => {
    const miner = reflex('f1', ResponseRung.KILLED, { ruleId: 'reflex.miner' });
    const little = reflex('f2', ResponseRung.KILLED, { severity: Severity.LOW });
    expect(decide([miner, little], 'kill-and-remediate')).toEqual([]);
  });

  it('leaves alone what the agent says must only be told of', () => {
    const evidence = [{ field: 'response.withheld', value: "may be a program's own protection" }];
    expect(decide([reflex('f1', ResponseRung.OBSERVED, { evidence })], 'kill-and-remediate')).toEqual([]);
  });

  it('asks for nothing more where the host denied what a rule of the policy was to deny', () => {
    const evidence = [{ field: 'policy.response', value: 'kill-and-remediate' }];
    const denied = reflex('f1', ResponseRung.DENIED, { ruleId: 'policy.ransomware', evidence });
    expect(decide([denied], 'kill-and-remediate')).toEqual([]);
    const gotThrough = { ...denied, id: 'f2', source: FindingSource.RULE, response: undefined };
    expect(decide([denied, gotThrough as never], 'kill-and-remediate')).toEqual(['kill a f2', 'restore a f2']);
  });

  describe('of a restore by hand', () => {
    const { RULE } = FindingSource;
    const memory = reflex('memory', ResponseRung.KILLED, { ruleId: 'reflex.fileless' });
    const shell = reflex('shell', ResponseRung.OBSERVED, { ruleId: 'r1', source: RULE, scopeUid: fromHex(scope('5')) });
    const slight = reflex('slight', ResponseRung.OBSERVED, { severity: Severity.LOW });
    const told = [{ field: 'response.withheld', value: "may be a program's own protection" }];
    const withheld = reflex('withheld', ResponseRung.OBSERVED, { evidence: told });
    const all = [shell, slight, withheld, memory];
    const meant = (findings: finding.Finding[], responses: Record<string, FindingResponse>): string[] =>
      findingsToRestore(findings, new Map(Object.entries(responses))).map(({ id }) => id);

    it.each<FindingResponse>(['observe', 'suspend', 'kill'])('means what policy restores where rules %s', (rule) => {
      const responses = { fileless: 'kill-and-remediate', ransomware: 'kill-and-remediate', rule } as const;
      const alert = create(finding.AlertSchema, { findings: all });
      const own = decideResponse(alert, new Map(Object.entries(responses)), nothingAnswered);
      expect(own.find(({ action }) => action === 'restore')?.findingIds).toEqual(['memory']);
      expect(meant(all, responses)).toEqual(['memory']);
    });

    it('means the rules too where policy restores for them', () => {
      expect(meant(all, { fileless: 'kill-and-remediate', rule: 'kill-and-remediate' })).toEqual(['shell', 'memory']);
    });

    it('means what policy stops, else what the agent saw, else what weighs, else all there is', () => {
      expect(meant(all, { fileless: 'kill', rule: 'observe' })).toEqual(['memory']);
      expect(meant(all, { fileless: 'observe', rule: 'observe' })).toEqual(['memory']);
      expect(meant([shell, slight, withheld], {})).toEqual(['shell']);
      expect(meant([slight, withheld], {})).toEqual(['slight', 'withheld']);
    });
  });

  it('names the protection of a finding', () => {
    expect(protectionOf(reflex('f1', ResponseRung.KILLED, { ruleId: 'reflex.reverse_shell' }))).toBe('reverse-shell');
    expect(protectionOf(reflex('f1', ResponseRung.KILLED, { source: FindingSource.RULE }))).toBe('rule');
  });
});
