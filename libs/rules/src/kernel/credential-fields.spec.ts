// Who logged in, from where, with which rights: as Sigma's rules and auditd's ask for it.
import { BatchWriter, event, openBatch } from '@norn/contracts';
import { RuleEngine, buildRuleBatch, parseRule, toRuleBatch, type TestEvent } from '../index.ts';

const exec = { EventKind: 'exec', Image: '/usr/bin/id' };
const session = { Terminal: 'pts0', LoginUserId: 1000, TerminalSessionId: 7 };

function finds(source: string, selection: object, of: TestEvent): boolean {
  const text = { title: 't', id: '6b4f3a52-0c0e-4c89-a0a5-3f2c8a1d7e10', logsource: {}, detection: {} };
  const detection = { selection, condition: 'selection' };
  const logsource =
    source === 'auditd' ? { product: 'linux', service: 'auditd' } : { product: 'linux', category: source };
  const rule = parseRule('r.yml', JSON.stringify({ ...text, logsource, detection, level: 'low', status: 'test' }));
  return new RuleEngine([rule]).evaluate(buildRuleBatch([of])).matches.length === 1;
}

describe('the login of a process', () => {
  it.each<[string, object, TestEvent, boolean]>([
    ['process_creation', { Terminal: 'pts0', LoginUserId: 1000, TerminalSessionId: 7 }, { ...exec, ...session }, true],
    ['process_creation', { LoginUserId: null }, exec, true],
    ['process_creation', { Terminal: null }, { ...exec, ...session }, false],
    ['process_creation', { LogonId: 0 }, exec, true],
    ['process_creation', { LogonId: 0 }, { ...exec, UserId: 33 }, false],
    ['auditd', { auid: 1000, ses: 7, tty: 'pts0' }, { ...exec, ...session }, true],
    ['auditd', { auid: 4294967295, ses: 'unset', tty: '(none)' }, exec, true],
    ['auditd', { auid: 'unset' }, { ...exec, LoginUserId: 0 }, false],
  ])('is asked for by %s as %j', (source, selection, of, isFound) => {
    expect(finds(source, selection, of)).toBe(isFound);
  });
});

describe('the capabilities of a process', () => {
  const sets = { EffectiveCapabilities: ['sys_admin', 'bpf'], BoundingCapabilities: 'chown' };
  const gained = { ...exec, ...sets, GainedCapabilities: ['sys_ptrace', 'checkpoint_restore'] };

  it.each<[object, boolean]>([
    [{ 'EffectiveCapabilities|contains': 'sys_admin' }, true],
    [{ EffectiveCapabilities: 'bpf', BoundingCapabilities: 'chown' }, true],
    [{ PermittedCapabilities: 'sys_admin' }, false],
    [{ AmbientCapabilities: null, InheritableCapabilities: null }, true],
    [{ GainedCapabilities: 'checkpoint_restore' }, true],
    [{ GainedCapabilities: 'sys_admin' }, false],
  ])('are asked for as %j', (selection, isFound) => {
    expect(finds('process_creation', selection, gained)).toBe(isFound);
  });
});

it('a batch tells all of it, and one of an agent that knows none tells nothing', () => {
  const process = {
    uid: new Uint8Array(16),
    parentUid: new Uint8Array(16),
    pid: 7,
    startTimeUs: 1,
    imagePath: '/bin/sh',
  };
  const told = {
    ...process,
    terminal: 'pts0',
    loginUserId: 1000,
    capabilities: [1n, 2n, 4n, 8n, 16n],
    package: 'dash',
    packageVersion: '0.5.12-2',
  };
  const matches = (of: typeof process): number => {
    const row = { kind: event.EventKind.EXEC, timeUs: 1, process: of };
    const batch = openBatch(new BatchWriter().add(row).finish({ streamId: new Uint8Array(16), batchSeq: 1 }));
    const selection =
      'Terminal: pts0, LoginUserId: 1000, EffectiveCapabilities: chown, BoundingCapabilities: fsetid, Package: dash, PackageVersion: 0.5.12-2';
    const rule = parseRule(
      'r.yml',
      `{title: t, id: 6b4f3a52-0c0e-4c89-a0a5-3f2c8a1d7e10, status: test, level: low, logsource: {product: linux, category: process_creation}, detection: {selection: {${selection}}, condition: selection}}`,
    );
    return new RuleEngine([rule]).evaluate(toRuleBatch(batch)).matches.length;
  };
  expect([matches(told), matches(process)]).toEqual([1, 0]);
});
