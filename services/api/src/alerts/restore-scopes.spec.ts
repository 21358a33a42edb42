import { create, toBinary } from '@bufbuild/protobuf';
import { fromHex } from '@norn/base';
import { finding } from '@norn/contracts';
import type { FindingResponse } from '@norn/response';
import { AlertHandling } from '@norn/store';
import { actionsOf } from './alert-actions.view.ts';
import { readAttack } from '../model/attack/attack.ts';
import { restoreScopes } from './restore-scopes.ts';

const { FindingSource, Severity } = finding;
const uid = (digit: string): string => digit.repeat(32);
const responses = new Map<string, FindingResponse>([
  ['fileless', 'kill-and-remediate'],
  ['rule', 'observe'],
]);

/** A session's shell (5), which started a program from memory (a), which started another (b). */
const processes = new Map(
  [
    ['5', '1', '/usr/bin/bash'],
    ['a', '5', '/memfd:x'],
    ['b', 'a', '/usr/bin/tar'],
  ].map(([digit = '', parent = '', path = '']) => [
    uid(digit),
    { parentUid: uid(parent), images: [{ path }] as never },
  ]),
);

function attackOf(...blamed: string[]) {
  const memory = { ruleId: 'reflex.fileless', source: FindingSource.REFLEX, severity: Severity.HIGH };
  const rule = { ruleId: 'r1', source: FindingSource.RULE, severity: Severity.HIGH };
  const findings = [{ ...memory, scopeUid: fromHex(uid('a')) }].concat(
    blamed.map((digit) => ({ ...rule, scopeUid: fromHex(uid(digit)) })),
  );
  const body = Buffer.from(toBinary(finding.AlertSchema, create(finding.AlertSchema, { findings })));
  const handling = { id: 'a', hostId: 'h', state: 'open', containerId: '', killedPids: [], filesConflict: 0, body };
  return readAttack(Object.assign(new AlertHandling(), handling));
}

function offered(...blamed: string[]) {
  const attack = attackOf(...blamed);
  const place = { hostName: 'node-3', containerName: '', podName: '', podNamespace: '' } as never;
  return actionsOf({
    ...{ attack, place, role: 'responder', filesTotal: 3, runningProcesses: 0, unknownProcesses: 0, knownAt: 1 },
    ...{
      containerEnded: false,
      underWay: new Set(),
      isRestored: false,
      offTheNetwork: { container: false, host: false },
    },
    ...restoreScopes(attack, responses, processes),
  });
}

describe('whose work a restore takes back', () => {
  it('is said before it is done, and a session that a rule tells of is left out', () => {
    const restore = offered('5').find((one) => one.action === 'restore');
    expect(restore?.consequence).toContain('every file that memfd:x and its children changed on node-3');
    expect(restore?.consequence).toMatch(/What bash did is left as it is\.$/);
  });

  it('is more only where a person asks for it, who is told whom it is about', () => {
    const wider = offered('5').find((one) => one.action === 'restore-blamed');
    expect(wider).toMatchObject({ enabled: true, label: 'Restore all that is blamed' });
    expect(wider?.consequence).toContain('what memfd:x and bash and their children did on node-3');
    expect(wider?.consequence).toContain('every file that one of them made is removed, attacked or not');
  });

  it('is all there is where everybody else is below', () => {
    expect(offered('b', 'a').map(({ action }) => action)).not.toContain('restore-blamed');
    expect(restoreScopes(attackOf('b'), responses, processes).blamedBeside).toEqual([]);
  });

  it('is named by id where the process is not known', () => {
    expect(restoreScopes(attackOf('5', 'c'), responses, new Map())).toEqual({
      restored: [],
      blamedBeside: ['process 555555555555', 'process cccccccccccc'],
    });
  });
});
