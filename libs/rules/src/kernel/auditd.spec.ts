// Rules of auditd over the sensor's events.
import { event } from '@norn/contracts';
import { buildRuleBatch, parseRule, RuleEngine, type RuleBatch, type TestEvent } from '../index.ts';

function ruleText(detection: string): string {
  const lines = detection.split('\n').map((line) => `  ${line}`);
  return `title: A rule of auditd\nlogsource: { product: linux, service: auditd }\ndetection:\n${lines.join('\n')}\n`;
}

function rowsOf(detection: string, batch: RuleBatch): number[] {
  return new RuleEngine([parseRule('test.yml', ruleText(detection))]).evaluate(batch).matches.map(({ row }) => row);
}

function fires(selection: string, fields: TestEvent): boolean {
  return rowsOf(`s: { ${selection} }\ncondition: s`, buildRuleBatch([fields])).length > 0;
}

const run = (CommandLine: string, Image: string, more: TestEvent = {}): TestEvent => ({
  EventKind: 'exec',
  CommandLine,
  Image,
  ...more,
});

describe('an exec', () => {
  it.each([
    ['type: EXECVE, a0: tar, a1|contains: -c', run('tar -czf /tmp/x', '/usr/bin/tar'), true],
    ['type: EXECVE, a0: tar, a1: /tmp/x', run('tar -czf /tmp/x', '/usr/bin/tar'), false],
    ['a31: last', run([...Array.from({ length: 31 }, () => 'x'), 'last'].join(' '), '/bin/x'), true],
    ['a2: ""', run('x  y', '/bin/x'), false],
    ['a3|exists: true', run('one two', '/bin/one'), false],
    ['type: SYSCALL, SYSCALL: [execve, execveat]', run('id', '/usr/bin/id'), true],
    ['type: PATH, name: /usr/bin/id', run('id', '/usr/bin/id'), true],
    ['type: SYSCALL, exe|endswith: /useradd', run('useradd eve', '/usr/sbin/useradd'), true],
    ['comm: insmod, exe: /usr/bin/kmod', run('insmod evil.ko', '/usr/bin/kmod'), true],
    ['comm: kmod', run('insmod evil.ko', '/usr/bin/kmod'), true],
    ['comm: a_name_that_is_', run('/opt/a_name_that_is_long', '/opt/a_name_that_is_long'), true],
    ['euid: 33', run('id', '/usr/bin/id', { uid: 33 }), true],
    ['euid: 33', run('su', '/usr/bin/su', { uid: 33, ImageFlags: ['setuid'] }), false],
    [
      'uid: 33, gid: 34, pid: 7, ppid: 1',
      run('id', '/bin/id', { uid: 33, gid: 34, ProcessId: 7, ParentProcessId: 1 }),
      true,
    ],
    ['cwd: /tmp, success: yes', run('id', '/bin/id', { CurrentDirectory: '/tmp' }), true],
    ['success: "no"', run('id', '/bin/id'), false],
    ['ParentImage: /bin/sh', run('id', '/bin/id', { ParentImage: '/bin/sh' }), true],
  ])('%s over %j is %s', (selection, fields, expected) => {
    expect(fires(selection, fields)).toBe(expected);
  });

  it('has its arguments among the words that are looked for', () => {
    const detection = "a: { type: EXECVE }\nk: { '|all': [grep, password] }\ncondition: a and k";
    expect(
      rowsOf(detection, buildRuleBatch([run('grep -r password /etc', '/bin/grep'), run('grep x', '/bin/grep')])),
    ).toEqual([0]);
  });

  it('that failed is none', () => {
    const failed = { ...buildRuleBatch([run('id', '/usr/bin/id')]), result: Int32Array.of(-2) };
    expect(rowsOf('s: { type: EXECVE }\ncondition: s', failed)).toEqual([]);
  });
});

describe('a change of a file', () => {
  const change = (EventKind: string, more: TestEvent): TestEvent => ({
    EventKind,
    Image: '/bin/x',
    CommandLine: 'x y',
    ...more,
  });
  const written = change('file_open', { TargetFilename: '/etc/new', OpenFlags: ['create'] });
  const moved = change('file_rename', { SourceFilename: '/etc/old', TargetFilename: '/etc/new' });

  it.each([
    ['type: PATH, name: /etc/new, nametype: CREATE', written, true],
    ['type: PATH, nametype: NORMAL', written, true],
    ['nametype: NORMAL', { ...written, OpenFlags: ['create', 'exclusive'] }, false],
    ['nametype: CREATE', { ...written, OpenFlags: [] }, false],
    ['type: PATH, name: /etc/old', moved, true],
    ['type: PATH, name: /etc/new', moved, true],
    ['name|exists: false', moved, false],
    ['name: null', written, false],
    ['nametype: DELETE', change('file_unlink', { TargetFilename: '/etc/new' }), true],
    ['SYSCALL: openat', written, true],
    ['SYSCALL: renameat2', moved, true],
    ['type: EXECVE', written, false],
    ['a1: y', written, false],
    ['SYSCALL: mkdir, comm: x', change('file_mkdir', { TargetFilename: '/srv' }), true],
  ])('%s over %j is %s', (selection, fields, expected) => {
    expect(fires(selection, fields)).toBe(expected);
  });

  it('tells a symbolic link from a hard one, and a directory from a file', () => {
    const batch = buildRuleBatch(
      ['file_link', 'file_link', 'file_unlink', 'file_unlink'].map((kind) => change(kind, {})),
    );
    const flagged = { ...batch, flags: Uint32Array.of(0, 1, 0, 1) };
    expect(rowsOf('s: { SYSCALL: link }\ncondition: s', flagged)).toEqual([0]);
    expect(rowsOf('s: { SYSCALL: symlinkat }\ncondition: s', flagged)).toEqual([1]);
    expect(rowsOf('s: { SYSCALL: rmdir }\ncondition: s', flagged)).toEqual([3]);
  });
});

describe('a rule of the product alone', () => {
  it('looks for its words in command lines and names of files', () => {
    const words =
      'title: Words\nlogsource: { product: linux }\ndetection: { k: [/dev/tcp/, ld.so.preload], condition: k }\n';
    const batch = buildRuleBatch([
      run('bash -c "cat </dev/tcp/10.0.0.1/80"', '/bin/bash'),
      { EventKind: 'file_open', Image: '/bin/cp', TargetFilename: '/etc/ld.so.preload', OpenFlags: ['create'] },
      run('id', '/bin/id'),
    ]);
    expect(new RuleEngine([parseRule('words.yml', words)]).evaluate(batch).matches.map(({ row }) => row)).toEqual([
      0, 1,
    ]);
  });
});

describe('other calls', () => {
  it('have no files: an address is no name', () => {
    const connection = { EventKind: 'net_connect', DestinationIp: '10.0.0.1', Image: '/bin/nc' };
    expect(fires('type: SOCKADDR, SYSCALL: connect, exe|endswith: /nc', connection)).toBe(true);
    expect(fires('name: 10.0.0.1', connection)).toBe(false);
    expect(fires('nametype|exists: true', connection)).toBe(false);
  });

  it('that auditd would have no name for are not looked at', () => {
    const kinds = buildRuleBatch([{ EventKind: 'fork' }, { EventKind: 'exit' }, { EventKind: 'ptrace' }]);
    expect(rowsOf('s: { success: yes }\ncondition: s', kinds)).toEqual([2]);
    expect(kinds.kind[2]).toBe(event.EventKind.PTRACE);
  });

  it('share their texts with rules of other sources', () => {
    const other = parseRule(
      'other.yml',
      'title: Another\nlogsource: { category: process_creation }\ndetection: { s: { Image: /bin/nc }, condition: s }\n',
    );
    const engine = new RuleEngine([parseRule('test.yml', ruleText('s: { exe: /bin/nc }\ncondition: s')), other]);
    const { matches } = engine.evaluate(buildRuleBatch([run('nc', '/bin/nc')]));
    expect(matches.map(({ rule }) => rule.file).sort()).toEqual(['other.yml', 'test.yml']);
    expect(matches.map(({ summary }) => summary)).toContain('nc: a rule of auditd');
  });
});
