import { toHex } from '@norn/base';
import { event, openBatch } from '@norn/contracts';
import { RuleEngine } from '@norn/rules';
import { batchRecord, process, startUs, uid } from '../../test/simulated-host.ts';
import { readRulePack } from '../adapters/rule-pack.ts';
import { createCollectFindings } from './collect-findings.step.ts';
import type { BatchFindings } from './envelope.ts';
import { createRunRules } from './run-rules.step.ts';

const runRules = createRunRules(new RuleEngine(readRulePack()));
const collectFindings = createCollectFindings();
const containerId = '4f'.repeat(32);
const server = process('nginx', undefined, { containerId, imagePath: '/usr/sbin/nginx' });

function found(shellName: string, commandLine: string, afterMs = 0, host = 'host-1'): BatchFindings['findings'] {
  const shell = process(shellName, server, { imagePath: '/bin/sh', commandLine });
  const record = batchRecord({ seq: 1, rows: [{ kind: event.EventKind.EXEC, by: shell, afterMs }] });
  const judged = runRules({ record, tenantId: 'default', hostId: host, batch: openBatch(record.value) });
  const outcome = judged.kind === 'ok' ? collectFindings(judged.value) : judged;
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
      evidence: expect.arrayContaining([expect.objectContaining({ field: 'ParentImage', value: '/usr/sbin/nginx' })]),
    });
    const uids = [finding!.processUid, finding!.scopeUid, finding!.parentUid, finding!.lineageUid].map(toHex);
    expect(uids).toEqual([uid('sh'), uid('sh'), uid('nginx'), uid('nginx')].map(toHex));
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
