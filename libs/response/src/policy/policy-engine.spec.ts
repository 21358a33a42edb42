// Which rule decides an event, and what is done about it.
import { buildRuleBatch, type TestEvent } from '@norn/rules';
import { parsePolicy, PolicyEngine, testPolicy } from '../index.ts';

const dayUs = 86_400_000_000;
const newYearUs = Date.parse('2027-01-01') * 1000;

function decide(rules: string, events: TestEvent[], host: { groups?: string[]; timeUs?: number } = {}): unknown[] {
  const engine = new PolicyEngine(parsePolicy('p.yml', `policy: trial\nrules:\n${rules}`));
  const { decisions, refused } = engine.decide(buildRuleBatch(events), {
    groups: host.groups ?? [],
    timeUsOf: () => host.timeUs ?? newYearUs,
  });
  expect(refused).toBe(0);
  return decisions.map(({ row, rule, action }) => [row, rule.name, action]);
}

const exec = (image: string, more: TestEvent = {}): TestEvent => ({ EventKind: 'exec', Image: image, ...more });

describe('the first rule that matches', () => {
  const shells = `
  - { name: trusted, when: { exec: { ParentImage: /usr/sbin/cron } }, action: allow }
  - { name: shells, when: { exec: { Image|endswith: /sh } }, action: kill }
  - { name: all, when: { exec: { Image|startswith: / } }, action: observe }
`;
  it('decides, whatever later ones say', () => {
    const events = [exec('/bin/sh', { ParentImage: '/usr/sbin/cron' }), exec('/bin/sh'), exec('/bin/ls'), exec('')];
    expect(decide(shells, events)).toEqual([
      [0, 'trusted', 'allow'],
      [1, 'shells', 'kill'],
      [2, 'all', 'observe'],
    ]);
  });

  it('is another when the order is', () => {
    const [trusted = '', kill = '', all = ''] = shells.trim().split('\n');
    const turned = `  ${[all, kill, trusted].map((line) => line.trim()).join('\n  ')}\n`;
    expect(decide(turned, [exec('/bin/sh')])).toEqual([[0, 'all', 'observe']]);
  });

  it('is found in a batch with more matches than the engine keeps for findings', () => {
    const events = Array.from({ length: 1_000 }, () => exec('/bin/sh'));
    expect(decide(shells, events)).toHaveLength(1_000);
  });

  it('that is staged only observes until its date, and allows at once', () => {
    const staged = `
  - { name: a, when: { exec: { Image: /a } }, action: kill, observeUntil: '2027-01-02' }
  - { name: b, when: { exec: { Image: /b } }, action: allow, observeUntil: '2027-01-02' }
`;
    const events = [exec('/a'), exec('/b')];
    expect(decide(staged, events)).toEqual([
      [0, 'a', 'observe'],
      [1, 'b', 'allow'],
    ]);
    expect(decide(staged, events, { timeUs: newYearUs + dayUs })).toEqual([
      [0, 'a', 'kill'],
      [1, 'b', 'allow'],
    ]);
  });
});

it('says nothing of a connection that the host has denied, and does its otherwise to one that got through', () => {
  const engine = new PolicyEngine(
    parsePolicy('p.yml', 'policy: p\nrules: [{ name: a, when: { network: { DestinationPort: 22 } }, action: deny }]'),
  );
  const batch = buildRuleBatch([1, 2, 3].map(() => ({ EventKind: 'net_connect', DestinationPort: 22 })));
  // Denied; on its way, which is no failure; refused by the other side.
  const host = { groups: [], timeUsOf: () => newYearUs };
  const { decisions } = engine.decide({ ...batch, result: Int32Array.of(-1, -115, -111) }, host);
  expect(decisions.map(({ row }) => row)).toEqual([1, 2]);
});

describe('what a rule is about', () => {
  it.each<[string, string, TestEvent[], number[]]>([
    [
      'a hash',
      `{ hash: ${'ab'.repeat(32).toUpperCase()} }`,
      [exec('/a', { sha256: 'ab'.repeat(32) }), exec('/a')],
      [0],
    ],
    [
      'a canary, however it is touched',
      '{ canary: /srv/pay.xlsx }',
      [
        { EventKind: 'file_open', OpenFlags: ['truncate'], TargetFilename: '/srv/pay.xlsx' },
        { EventKind: 'file_unlink', TargetFilename: '/srv/pay.xlsx' },
        { EventKind: 'file_rename', SourceFilename: '/srv/pay.xlsx', TargetFilename: '/srv/pay.xlsx.lock' },
        { EventKind: 'file_truncate', TargetFilename: '/srv/pay.xlsx' },
        { EventKind: 'file_open', TargetFilename: '/srv/other.xlsx' },
      ],
      [0, 1, 2, 3],
    ],
    [
      'drift, with fields and exceptions of its own',
      '{ drift: { Image|startswith: /srv }, not: { ParentImage: /usr/bin/npm } }',
      [
        exec('/srv/a', { ImageFlags: ['upper-layer', 'new'], Container: 'c1' }),
        exec('/opt/a', { ImageFlags: ['upper-layer', 'new'], Container: 'c1' }),
        exec('/srv/a', { ImageFlags: ['upper-layer', 'new'], Container: 'c1', ParentImage: '/usr/bin/npm' }),
        exec('/srv/a', { ImageFlags: ['upper-layer', 'new'] }),
        exec('/srv/a', { ImageFlags: ['upper-layer'], Container: 'c1' }),
      ],
      [0],
    ],
    [
      'files of one operation',
      '{ file: { TargetFilename|endswith: .log }, operations: [delete] }',
      [
        { EventKind: 'file_unlink', TargetFilename: '/a.log' },
        { EventKind: 'file_open', TargetFilename: '/a.log' },
      ],
      [0],
    ],
    [
      'connections of one direction',
      '{ network: { DestinationPort: 22 }, operations: [in] }',
      [
        { EventKind: 'net_accept', DestinationIp: '10.0.0.1', DestinationPort: 22 },
        { EventKind: 'net_connect', DestinationIp: '10.0.0.1', DestinationPort: 22 },
      ],
      [0],
    ],
  ])('is %s', (_what, when, events, rows) => {
    const decided = decide(`  - { name: a, when: ${when}, action: alert }\n`, events);
    expect(decided).toEqual(rows.map((row) => [row, 'a', 'alert']));
  });
});

describe('whom a rule is about', () => {
  it.each<[string, string, TestEvent[], number[]]>([
    [
      "a container's image",
      "{ containerImage: ['*/nginx:*'] }",
      [
        exec('/a', { Container: 'c', ContainerImage: 'shop/nginx:1' }),
        exec('/a', { ContainerImage: 'redis:7' }),
        exec('/a'),
      ],
      [0],
    ],
    [
      'a namespace',
      '{ namespace: prod }',
      [exec('/a', { PodNamespace: 'prod' }), exec('/a', { PodNamespace: 'dev' })],
      [0],
    ],
    [
      'a pod by its labels, all of them',
      '{ labels: { app: [web, shop], tier: front } }',
      [
        exec('/a', { PodLabels: ['app=web', 'tier=front'] }),
        exec('/a', { PodLabels: ['app=shop', 'tier=front', 'x=y'] }),
        exec('/a', { PodLabels: ['app=web', 'tier=back'] }),
        exec('/a', { PodLabels: ['app=web2', 'tier=front'] }),
        exec('/a'),
      ],
      [0, 1],
    ],
    [
      'a user by name or number',
      '{ user: [www-data, 0] }',
      [exec('/a', { User: 'www-data', UserId: 33 }), exec('/a', { UserId: 0 }), exec('/a', { UserId: 10, User: 'x' })],
      [0, 1],
    ],
    [
      'a program and what it started',
      '{ program: /usr/sbin/nginx }',
      [exec('/usr/sbin/nginx'), exec('/a', { AncestorImages: ['/bin/sh', '/usr/sbin/nginx'] }), exec('/a')],
      [0, 1],
    ],
  ])('is %s', (_what, subjects, events, rows) => {
    const rule = `  - { name: a, when: { exec: { Image|startswith: / } }, subjects: ${subjects}, action: alert }\n`;
    expect(decide(rule, events)).toEqual(rows.map((row) => [row, 'a', 'alert']));
  });

  it.each([
    ['web', ['web'], true],
    ['web-*', ['db-1', 'Web-7'], true],
    ['*-prod-*', ['eu-prod-1'], true],
    ['ab*ba', ['aba'], false],
    ['web-*', ['db-1'], false],
    ['web', [], false],
  ])('is a group of hosts: %s of %j: %s', (pattern, groups, isMeant) => {
    const rule = `  - { name: a, when: { exec: { Image: /a } }, subjects: { hostGroup: '${pattern}' }, action: alert }\n`;
    expect(decide(rule, [exec('/a')], { groups })).toEqual(isMeant ? [[0, 'a', 'alert']] : []);
  });
});

describe('tests within a policy', () => {
  const report = (tests: string) =>
    testPolicy(
      parsePolicy(
        'p.yml',
        `policy: trial
rules:
  - { name: early, when: { exec: { CommandLine|contains: --safe } }, action: allow }
  - name: late
    when: { exec: { Image: /a } }
    subjects: { hostGroup: web }
    action: kill
    tests: ${tests}
`,
      ),
    );

  it('count, and name the event that an earlier rule takes', () => {
    const taken = { Image: '/a', CommandLine: 'a --safe', HostGroup: 'web' };
    const { rules, right, total, wrong, untested } = report(
      `{ match: [{ Image: /a, HostGroup: web }, ${JSON.stringify(taken)}], nomatch: [{ Image: /a }, { Image: /a, HostGroup: web }] }`,
    );
    expect([rules, right, total, untested]).toEqual([2, 2, 4, ['early']]);
    expect(wrong.map(({ expected, got }) => [expected, got])).toEqual([
      ['match', 'early'],
      ['nomatch', 'late'],
    ]);
  });

  it('with a kind of event that does not exist are refused by their line', () => {
    expect(() => report('{ match: [{ EventKind: exce, Image: /a }] }')).toThrow('p.yml:8: rules.1.tests.match.0');
  });
});
