// Hunts over a real ClickHouse: what the pack's own events are stored as is found as the engine finds it, for nobody but their tenant.
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ShownHunt, ShownHuntStep } from '@norn/contracts';
import { type Rule, type TestEvent, RuleEngine, buildRuleBatch, readRules } from '@norn/rules';
import { AuditEntry, createWriter, importRules, type StoreWriter } from '@norn/store';
import { RulePack } from '../src/model/rule-pack.ts';
import { type ApiTrial, startApiTrial } from './api-trial.ts';
import { seedHost, seedTenant } from './seeds/index.ts';
import { stepUs, storeEvents, storeRun } from './store-events.ts';

const all = new RulePack();
const pack = all.rules.flatMap(({ name, rule }) => (rule.kind === 'detection' ? [{ name, rule }] : []));
const sequences = all.rules.flatMap(({ name, rule }) => (rule.kind === 'correlation' ? [{ name, rule }] : []));
const packEvents = pack.flatMap(({ rule }) => [...(rule.tests?.positive ?? []), ...(rule.tests?.negative ?? [])]);

/** What the pack's events have little of. */
const otherEvents: readonly TestEvent[] = [
  {
    EventKind: 'exec',
    Image: '/bin/sh',
    CommandLine: 'sh -c "a*b\\c"',
    User: 'Wärter',
    CurrentDirectory: '/srv',
    sha256: 'ab'.repeat(32),
  },
  {
    EventKind: 'exec',
    Image: '/tmp/x',
    CommandLine: 'x\ny',
    ImageFlags: ['new', 'memfd'],
    ExecFlags: ['killed-at-exec'],
    Container: 'c'.repeat(64),
  },
  {
    EventKind: 'exec',
    Image: '/bin/sh',
    ParentImage: '/usr/sbin/nginx',
    AncestorImages: ['/usr/lib/systemd/systemd'],
    ParentCommandLine: 'nginx: worker',
  },
  { EventKind: 'exec', Image: '', CommandLine: '' },
  {
    EventKind: 'exec',
    Image: '/usr/local/bin/a-name-of-many-😀😀-letters',
    CommandLine: '/opt/link/called  -x last',
    ProcessId: 4_711,
    ParentProcessId: 4_242,
    uid: 1_000,
    gid: 100,
    Container: 'd'.repeat(64),
    ContainerImage: 'shop/web:1.4',
    PodNamespace: 'shop',
    PodLabels: ['app=web', 'tier=front'],
  },
  { EventKind: 'exec', Image: '/usr/bin/su', CommandLine: 'su', ImageFlags: ['setuid'], uid: 1_000, gid: 100 },
  {
    EventKind: 'file_open',
    Image: '/bin/sh',
    TargetFilename: '/etc/cron.d/x',
    OpenFlags: ['create', 'exclusive'],
    CurrentDirectory: '/srv/audited',
  },
  { EventKind: 'file_link', Image: '/bin/ln', TargetFilename: '/m', SourceFilename: '/n', SYSCALL: 'symlink' },
  { EventKind: 'file_unlink', Image: '/bin/rmdir', TargetFilename: '/m/d', SYSCALL: 'rmdir' },
  { EventKind: 'mount', Image: '/bin/mount', TargetFilename: '/mnt', SourceFilename: '/dev/sda1' },
  { EventKind: 'memfd_create', Image: '/tmp/x', TargetFilename: 'payload' },
  { EventKind: 'file_open', Image: '/bin/sh', TargetFilename: '/etc/passwd', OpenFlags: ['create', 'truncate'] },
  { EventKind: 'file_open', Image: '/bin/sh', TargetFilename: '/etc/PASSWD', OpenFlags: [] },
  { EventKind: 'file_rename', Image: '/bin/mv', TargetFilename: '/etc/new', SourceFilename: '/etc/old' },
  { EventKind: 'file_link', Image: '/bin/ln', TargetFilename: '/etc/link', SourceFilename: '/etc/passwd' },
  { EventKind: 'file_unlink', Image: '/bin/rm', TargetFilename: '/etc/old' },
  { EventKind: 'file_chmod', Image: '/bin/chmod', TargetFilename: '/etc/shadow' },
  {
    EventKind: 'net_connect',
    Image: '/usr/bin/curl',
    DestinationIp: '203.0.113.7',
    DestinationPort: 443,
    SourcePort: 40_001,
    Protocol: 'tcp',
    CommandLine: 'curl',
  },
  {
    EventKind: 'net_connect',
    Image: '/usr/bin/curl',
    DestinationIp: '2001:db8::7',
    DestinationPort: 4444,
    Protocol: 'udp',
  },
  { EventKind: 'net_accept', Image: '/usr/sbin/sshd', DestinationIp: '198.51.100.7', DestinationPort: 50_022 },
];
const credentialEvents: readonly TestEvent[] = [
  {
    EventKind: 'exec',
    Image: '/usr/bin/sudo',
    Terminal: 'pts4',
    LoginUserId: 1000,
    TerminalSessionId: 12,
    EffectiveCapabilities: ['sys_admin', 'checkpoint_restore'],
    PermittedCapabilities: ['sys_admin', 'sys_ptrace'],
    InheritableCapabilities: ['net_raw'],
    AmbientCapabilities: ['bpf'],
    BoundingCapabilities: ['chown', 'sys_admin'],
    GainedCapabilities: ['sys_admin', 'sys_ptrace'],
    ExecFlags: ['login-changed'],
    Package: 'sudo',
    PackageVersion: '1.9.13p3-1',
  },
];
const events = [...packEvents, ...otherEvents, ...credentialEvents];
/** Fewer at once than the matches that the engine tells of. */
const batches = [0, 400, 800].map((from) => ({ from, batch: buildRuleBatch(events.slice(from, from + 400)) }));

/** Every field of every log source, by a question that some of the events answer with yes and some with no. */
const questions: readonly (readonly [source: string, selection: string])[] = [
  ['process_creation', '{ Image|endswith: /sh }'],
  ['process_creation', '{ CommandLine|contains: "a\\\\*b\\\\\\\\c" }'],
  ['process_creation', '{ CommandLine|re|m: "^y$" }'],
  ['process_creation', '{ CommandLine|re|s: "^x.y$" }'],
  ['process_creation', '{ CommandLine: null }'],
  ['process_creation', '{ CurrentDirectory: /SRV }'],
  ['process_creation', '{ User: WÄRTER }'],
  ['process_creation', '{ User|cased: Wärter }'],
  ['process_creation', '{ Container|startswith: cc }'],
  ['process_creation', '{ Container|exists: false }'],
  ['process_creation', '{ ParentImage|endswith: /nginx }'],
  ['process_creation', '{ ParentImage: null }'],
  ['process_creation', '{ ParentCommandLine|startswith: "nginx:" }'],
  ['process_creation', '{ AncestorImages|endswith: /systemd }'],
  ['process_creation', '{ AncestorImages|exists: true }'],
  ['process_creation', '{ ImageFlags|all: [new, memfd] }'],
  ['process_creation', '{ ImageFlags|exists: true }'],
  ['process_creation', '{ ExecFlags: killed-at-exec }'],
  ['process_creation', `{ sha256: ${'AB'.repeat(32)} }`],
  ['process_creation', `{ Hashes|contains: "SHA256=${'AB'.repeat(32)}" }`],
  ['process_creation', '{ Hashes|exists: true }'],
  ['process_creation', '{ EventKind: EXEC }'],
  ['process_creation', '["x", { Image: "" }]'],
  ['file_event', '{ TargetFilename|startswith: /etc/ }'],
  ['file_event', '{ TargetFilename|contains|cased: passwd }'],
  ['file_event', '{ SourceFilename: /etc/old }'],
  ['file_event', '{ SourceFilename|exists: false }'],
  ['file_event', '{ OpenFlags: truncate }'],
  ['file_event', '{ EventKind: [file_link, file_rename] }'],
  ['file_event', '["passwd"]'],
  ['file_change', '{ TargetFilename|contains: / }'],
  ['file_delete', '{ TargetFilename|contains: / }'],
  ['file_rename', '{ SourceFilename|fieldref|neq: TargetFilename }'],
  ['network_connection', '{ DestinationIp|cidr: [203.0.113.0/24, "2001:db8::/32"] }'],
  ['network_connection', '{ DestinationPort: [443, 50022] }'],
  ['network_connection', '{ DestinationPort|gte: 4444 }'],
  ['network_connection', '{ Initiated: false }'],
  ['network_connection', '["CURL", "198.51.*"]'],
  ['network_connection', '{ SourcePort|gte: 40000 }'],
  ['network_connection', '{ Protocol: UDP }'],
  ['network_connection', '{ Protocol: null }'],
  ['process_creation', '{ ProcessId: 4711 }'],
  ['process_creation', '{ UserId: 1000 }'],
  ['process_creation', '{ ContainerImage: shop/web:* }'],
  ['process_creation', '{ PodNamespace: SHOP }'],
  ['process_creation', '{ PodNamespace|exists: false }'],
  ['process_creation', '{ PodLabels|all: [app=web, tier=front] }'],
  ['process_creation', '{ PodLabels|exists: false }'],
  ['process_creation', '{ ParentProcessId|gt: 4000 }'],
  ['process_creation', '{ Terminal: PTS4 }'],
  ['process_creation', '{ Terminal: null }'],
  ['process_creation', '{ LoginUserId|gte: 1000, TerminalSessionId: 12 }'],
  ['process_creation', '{ LoginUserId: null }'],
  ['process_creation', '{ TerminalSessionId|exists: true }'],
  ['process_creation', '{ LogonId: 0 }'],
  ['process_creation', '{ EffectiveCapabilities|all: [sys_admin, checkpoint_restore] }'],
  ['process_creation', '{ PermittedCapabilities: sys_ptrace }'],
  ['process_creation', '{ InheritableCapabilities: net_raw, AmbientCapabilities: bpf }'],
  ['process_creation', '{ BoundingCapabilities: chown }'],
  ['process_creation', '{ EffectiveCapabilities: null }'],
  ['process_creation', '{ GainedCapabilities: sys_ptrace, ExecFlags: login-changed }'],
  ['process_creation', '{ GainedCapabilities|exists: false }'],
  ['process_creation', '{ Package: sudo, PackageVersion|startswith: "1.9" }'],
  ['process_creation', '{ Package: null }'],
  ['auditd', '{ auid: 1000, ses: 12, tty: pts4 }'],
  ['auditd', '{ auid: unset, ses: 4294967295 }'],
  ['auditd', '{ tty: "(none)" }'],
  ['file_event', '{ OpenFlags|all: [create, exclusive] }'],
  ['auditd', '{ type: EXECVE, a0: /opt/link/called, a2: "-x", a3: last }'],
  ['auditd', '{ a1|exists: true }'],
  ['auditd', '{ a2: "" }'],
  ['auditd', '{ a0|exists: false }'],
  ['auditd', '{ type: SOCKADDR, SYSCALL: connect }'],
  ['auditd', '{ type: PATH }'],
  ['auditd', '{ SYSCALL: symlinkat }'],
  ['auditd', '{ SYSCALL: linkat }'],
  ['auditd', '{ SYSCALL: rmdir }'],
  ['auditd', '{ SYSCALL|re: "^memfd" }'],
  ['auditd', '{ success: "yes", exe|endswith: /curl }'],
  ['auditd', '{ comm: called }'],
  ['auditd', '{ comm: a-name-of-many- }'],
  ['auditd', '{ proctitle|contains: "last" }'],
  ['auditd', '{ cwd: /srv/audited }'],
  ['auditd', '{ pid: 4711, ppid: 4242 }'],
  ['auditd', '{ uid: 1000, gid|lt: 1000 }'],
  ['auditd', '{ euid: 1000 }'],
  ['auditd', '{ euid|exists: false }'],
  ['auditd', '{ nametype: CREATE }'],
  ['auditd', '{ nametype: NORMAL }'],
  ['auditd', '{ nametype: DELETE }'],
  ['auditd', '{ nametype|exists: false }'],
  ['auditd', '{ name: /etc/old }'],
  ['auditd', '{ name: [/dev/sda1, /usr/bin/su] }'],
  ['auditd', '{ name|exists: false }'],
  ['auditd', '{ User: WÄRTER }'],
  ['auditd', '["payload", "last", "/m/*"]'],
  ['linux', '["passwd", "198.51"]'],
  ['linux', '{ EventKind|startswith: net_ }'],
];

function ruleText(source: string, selection: string): string {
  const named = source === 'auditd' ? ', service: auditd' : `, category: ${source}`;
  const logsource = `{ product: linux${source === 'linux' ? '' : named} }`;
  return `title: A question\nlogsource: ${logsource}\ndetection:\n  s: ${selection}\n  condition: s\n`;
}

describe('hunts', () => {
  let trial: ApiTrial;
  let writer: StoreWriter;
  let token: string;
  const startUs = (Math.floor(Date.now() / 1_000) - 3_600) * 1_000_000;

  const send = (path: string, body: object, as = token): Promise<Response> =>
    fetch(`${trial.url}/api/v1${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${as}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  async function ask(body: object, as = token): Promise<{ status: number; body: unknown }> {
    const response = await send('/hunts', body, as);
    return { status: response.status, body: await response.json() };
  }

  async function steps(body: object): Promise<ShownHuntStep[]> {
    const response = await send('/hunts/steps', { since: '2h', limit: 1_000, ...body });
    const lines = (await response.text()).trim().split('\n');
    return lines.map((line) => JSON.parse(line) as ShownHuntStep);
  }

  const hunt = async (body: object): Promise<ShownHunt> =>
    (await ask({ since: '2h', limit: 1_000, ...body })).body as ShownHunt;
  const positionOf = ({ time }: { time: string }): number => (Date.parse(time) * 1_000 - startUs) / stepUs;

  /** Position and evidence of each event that the engine finds, in order. */
  function foundByEngine(rule: Rule): unknown[] {
    const engine = new RuleEngine([rule]);
    return batches.flatMap(({ from, batch }) =>
      engine
        .evaluate(batch)
        .matches.map(({ row, evidence, summary }) => ({ at: from + row, summary, matched: evidence })),
    );
  }

  const foundIn = ({ events: found }: ShownHunt): unknown[] =>
    found.map((one) => ({ at: positionOf(one), summary: one.summary, matched: one.matched })).reverse();

  beforeAll(async () => {
    trial = await startApiTrial();
    const password = join(tmpdir(), `norn-hunts-${process.pid}`);
    writeFileSync(password, trial.clickhouse.writerPassword, { mode: 0o600 });
    writer = await createWriter({
      clickhouseUrl: trial.clickhouse.url,
      clickhouseDatabase: trial.clickhouse.database,
      clickhouseWriterPasswordFile: password,
    });
    await seedTenant(trial, 'default');
    await seedTenant(trial, 'other');
    const home = await seedHost(trial, 'default', { name: 'node-3' });
    await storeEvents(writer, home, startUs, events);
    token = await trial.tokenOf('viewer');
  });

  afterAll(async () => {
    await writer.close();
    await trial.close();
  });

  it.each(pack.map(({ name, rule }) => [name, rule] as const))(
    'find with %s what the engine finds among the events of all rules',
    async (name, rule) => {
      const expected = foundByEngine(rule);
      const found = await hunt({ rule: name });
      expect(foundIn(found)).toEqual(expected);
      expect([found.total, found.truncated]).toEqual([expected.length, false]);
      expect(expected.length).toBeGreaterThanOrEqual(2);
    },
  );

  it.each(questions)('agree with the engine about %s %s', async (source, selection) => {
    const text = ruleText(source, selection);
    const [rule] = readRules([{ name: 'rule.yml', text }]).rules;
    const expected = foundByEngine(rule!);
    const found = await hunt({ text });
    expect(foundIn(found)).toEqual(expected);
    expect(expected.length).toBeGreaterThan(0);
  });

  describe('for correlations and sequences', () => {
    const runs = sequences.flatMap(({ name, rule }) =>
      (['positive', 'negative'] as const).flatMap((kind) =>
        (rule.tests?.[kind] ?? []).map((run, at) => ({ name, title: rule.title, kind, at, run })),
      ),
    );
    /** Runs are apart, so that none sees the events of another. */
    const apartUs = 2 * 3_600 * 1_000_000;
    const startOf = (number: number): number => startUs - (number + 2) * apartUs;
    const windowOf = (number: number): object => ({
      since: new Date(startOf(number) / 1_000 - 1_000).toISOString(),
      until: new Date((startOf(number) + apartUs) / 1_000 - 2_000).toISOString(),
    });

    beforeAll(async () => {
      for (const [number, { run }] of runs.entries()) {
        for (const [host, events] of Map.groupBy(run, ({ Host = 'one' }) => String(Host))) {
          const home = await seedHost(trial, 'default', { name: `run-${number}-${host}` });
          await storeRun(writer, home, startOf(number), events);
        }
      }
    });

    it.each(runs.map((each, number) => [each.name, each.kind, each.at, number] as const))(
      'agree with the live ones: %s, %s run %i',
      async (name, kind, _at, number) => {
        const found = await hunt({ rule: name, ...windowOf(number) });
        expect([found.total > 0, found.events.length > 0, found.readUntil]).toEqual([
          kind === 'positive',
          kind === 'positive',
          '',
        ]);
      },
    );

    it('name what was counted, the hosts, and each event', async () => {
      // Two of its events are found by both of its rules.
      const number = runs.findIndex(({ name }) => name === 'dropped_program_on_several_hosts');
      const { events: found, ...rest } = await hunt({ rule: 'dropped_program_on_several_hosts', ...windowOf(number) });
      expect(rest).toMatchObject({ total: 1, truncated: false, eventsRead: 5, rule: { category: 'correlation' } });
      expect(rest.histogram.reduce((sum, bucket) => sum + bucket.events, 0)).toBe(1);
      expect(found[0]).toMatchObject({
        summary: 'The same program runs from a place for temporary files on 3 hosts',
        image: '/dev/shm/k',
      });
      expect(found[0]!.matched.map(({ field }) => field)).toEqual([
        ...['sha256', 'value_count', 'host', 'host', 'host', 'event', 'event', 'event'],
      ]);
    });

    it('are taken as text, about rules of their own and of the pack', async () => {
      const correlation = (asked: string): string =>
        `title: Often\ncorrelation:\n  type: event_count\n  rules: ${asked}\n  group-by: [host]\n  timespan: 1h\n  condition: { gte: 2 }\n`;
      const part = ruleText('process_creation', '{ Image|endswith: /sh }').replace('title:', 'name: own\ntitle:');
      const { total, eventsRead } = await hunt({ text: `${correlation('own')}---\n${part}` });
      expect([total > 0, eventsRead >= 2]).toEqual([true, true]);
      expect((await hunt({ text: correlation(pack[0]!.rule.id) })).rule.title).toBe('Often');
      expect(await ask({ text: correlation('nobody') })).toMatchObject({
        status: 400,
        body: { code: 'rule_invalid', message: expect.stringMatching(/^rule\.yml:4: correlation\.rules: no rule/) },
      });
    });
  });

  it('take imported rules of the tenant by id or title, with their filters, and nobody else’s', async () => {
    const id = (number: number): string => `00000000-0000-4000-8000-0000000000${number}`;
    const row = (number: number, title: string, body: string) => ({
      ...{ ruleId: id(number), title, author: 'Ada', level: 'high', file: `${title}.yml` },
      body: body.replace('A question', title),
    });
    const source = ruleText('process_creation', '{ Image|endswith: /sh }');
    const filter =
      'title: A question\nlogsource: { product: linux, category: process_creation }\nfilter: { rules: any, a: { ParentImage: /usr/sbin/nginx }, condition: not a }\n';
    const count =
      'title: A question\ncorrelation: { type: event_count, rules: [Shells], group-by: [host], timespan: 1h, condition: { gte: 2 } }\n';
    const shells = row(41, 'Shells', source.replace('title:', 'name: Shells\ntitle:'));
    const rules = [shells, row(43, 'Many', count)];
    await importRules(trial.control, { tenantId: 'default', actor: 'ada', rules });
    const all = (await hunt({ text: source })).total;
    expect((await hunt({ rule: id(41) })).total).toBe(all);
    expect((await hunt({ rule: 'many' })).total).toBeGreaterThan(0);
    await importRules(trial.control, { tenantId: 'default', actor: 'ada', rules: [row(42, 'Quiet', filter)] });
    const fewer = (await hunt({ rule: 'Shells' })).total;
    expect([fewer > 0, fewer < all]).toEqual([true, true]);
    expect(await ask({ rule: 'Quiet' })).toMatchObject({ status: 400, body: { code: 'rule_invalid' } });
    const stranger = await trial.tokenOf('viewer', 'other');
    expect(await ask({ rule: id(41) }, stranger)).toMatchObject({ status: 404, body: { code: 'rule_unknown' } });
  });

  it('say when, where, by whom and what', async () => {
    const text = ruleText('process_creation', '{ ParentImage: /usr/sbin/nginx, ParentCommandLine: "nginx: worker" }');
    const { events: found, ...rest } = await hunt({ text, since: new Date(startUs / 1_000).toISOString() });
    expect(found).toMatchObject([
      {
        hostName: 'node-3',
        containerId: '',
        kind: 'exec',
        pid: 1_000,
        image: '/bin/sh',
        processUid: expect.stringMatching(/^[0-9a-f]{32}$/),
      },
    ]);
    expect(rest.rule).toMatchObject({ name: '', title: 'A question', category: 'process_creation' });
    expect(rest.histogram.reduce((sum, bucket) => sum + bucket.events, 0)).toBe(1);
    const bucket = rest.histogram.find((one) => one.events === 1)!;
    const since = Date.parse(found[0]!.time) - Date.parse(bucket.time);
    expect(since).toBeGreaterThanOrEqual(0);
    expect(since).toBeLessThan(rest.bucketSeconds * 1_000);
    expect(rest.histogram.length).toBeLessThanOrEqual(97);
  });

  it('know the image that ran when it happened, of a process that had several', async () => {
    const uid = "unhex('00112233445566778899aabbccddeeff')";
    const image = (at: string, number: number, path: string, commandLine: string): string =>
      `('default', 'host-x', ${uid}, ${number}, '${path}', '${commandLine}', ${at}, ${at}, ${at}, 1)`;
    const columns =
      'tenant_id, host_id, process_uid, image_number, image_path, command_line, start_time, image_time, seen_time, version';
    const second = (count: number): string => `fromUnixTimestamp64Micro(${startUs + count * 1_000_000})`;
    const images = [
      image(second(0), 0, '/bin/sh', 'sh'),
      image(second(2), 1, '/bin/a', 'a --first'),
      image(second(4), 2, '/bin/a', 'a --second'),
    ];
    await trial.events.command({ query: `INSERT INTO processes (${columns}) VALUES ${images.join(', ')}` });
    const opened = (at: number, path: string, file: string): string =>
      `('default', 'host-x', ${second(at)}, 10, ${uid}, '${path}', '${file}', 1)`;
    const rows = [
      opened(1, '/bin/sh', '/m/1'),
      opened(2, '/bin/a', '/m/2'),
      opened(3, '/bin/a', '/m/3'),
      opened(5, '/bin/a', '/m/5'),
    ];
    const fields = 'tenant_id, host_id, time, kind, process_uid, image_path, path, flags';
    await trial.events.command({ query: `INSERT INTO events (${fields}) VALUES ${rows.join(', ')}` });
    const text = (line: string): string =>
      ruleText('file_event', `{ TargetFilename|startswith: /m/, CommandLine: ${line} }`);
    const filesOf = async (line: string): Promise<unknown[]> =>
      (await hunt({ text: text(line) })).events
        .map(({ matched, commandLine }) => [
          matched.find(({ field }) => field === 'TargetFilename')?.value,
          commandLine,
        ])
        .sort();
    expect(await filesOf('sh')).toEqual([['/m/1', 'sh']]);
    expect(await filesOf('a --first')).toEqual([
      ['/m/2', 'a --first'],
      ['/m/3', 'a --first'],
    ]);
    expect(await filesOf('a --second')).toEqual([['/m/5', 'a --second']]);
  });

  it('find names that are no text', async () => {
    const fields = 'tenant_id, host_id, time, kind, image_path, path, flags';
    const row = `('default', 'host-x', fromUnixTimestamp64Micro(${startUs}), 10, '/bin/x', '/evil/a\\xff\\xfeB', 1)`;
    await trial.events.command({ query: `INSERT INTO events (${fields}) VALUES ${row}` });
    for (const value of ['/evil/*b', '/EVIL/a*', '/evil/a\ufffd*'])
      expect((await hunt({ text: ruleText('file_event', `{ TargetFilename: "${value}" }`) })).total).toBe(1);
  });

  it.each([
    ['CommandLine: null', 1],
    ['CommandLine|contains|neq: x', 1],
    ['CommandLine: ""', 1],
    ['CommandLine|exists: true', 0],
    ['CommandLine|contains: x', 0],
    ['AncestorImages|re: "^$"', 0],
  ])('find an event whose process was not stored, asked for %s: %i', async (field, total) => {
    const text = ruleText('file_event', `{ TargetFilename|startswith: /evil/, ${field} }`);
    expect((await hunt({ text })).total).toBe(total);
  });

  it('do not take what is not known of a process for 0', async () => {
    const fields = 'tenant_id, host_id, time, kind, image_path, path, flags';
    const row = `('default', 'host-x', fromUnixTimestamp64Micro(${startUs}), 10, '/bin/x', '/orphan', 1)`;
    await trial.events.command({ query: `INSERT INTO events (${fields}) VALUES ${row}` });
    const found = async (question: string): Promise<number> =>
      (await hunt({ text: ruleText('auditd', `{ name: /orphan, ${question} }`) })).total;
    for (const field of ['uid', 'gid', 'euid', 'ppid'])
      expect([field, await found(`${field}: 0`), await found(`${field}: null`)]).toEqual([field, 0, 1]);
    expect([await found('success: "yes"'), await found('comm: x'), await found('a0: x')]).toEqual([1, 1, 0]);
  });

  it('count all and show the newest', async () => {
    const all = await hunt({ text: ruleText('process_creation', '{ EventKind: exec }') });
    const some = await hunt({ text: ruleText('process_creation', '{ EventKind: exec }'), limit: 3 });
    expect([some.total, some.truncated, some.events.length]).toEqual([all.total, true, 3]);
    expect(some.events).toEqual(all.events.slice(0, 3));
  });

  it('look only where the time says', async () => {
    const at = (position: number): string => new Date((startUs + position * stepUs) / 1_000).toISOString();
    const found = await hunt({ text: ruleText('process_creation', '{ EventKind: exec }'), since: at(2), until: at(9) });
    const expected = events.flatMap(({ EventKind }, position) => (EventKind === 'exec' ? [position] : []));
    expect(found.events.map(positionOf).reverse()).toEqual(
      expected.filter((position) => position >= 2 && position < 9),
    );
  });

  it('are in the trail, with who asked for what; one that is refused as wrong is not', async () => {
    const text = ruleText('process_creation', `{ Image: /only/in/the/trail }`);
    const analyst = await trial.tokenOf('analyst');
    await ask({ text, since: '1h' }, analyst);
    await ask({ rule: 'log_deleted', since: '1h' }, analyst);
    await ask({ rule: 'nonsense' }, analyst);
    const trail = await trial.control.manager.find(AuditEntry, {
      where: { actor: 'analyst-person', action: 'hunt.run' },
      order: { at: 'ASC' },
    });
    expect(trail.map(({ details }) => details)).toMatchObject([
      { text, sha256: expect.stringMatching(/^[0-9a-f]{64}$/), since: expect.any(String), until: expect.any(String) },
      { rule: 'log_deleted' },
    ]);
    expect(trail.map(({ subject }) => subject)).toEqual(['A question', expect.stringMatching(/^[0-9a-f-]{36}$/)]);
  });

  it("find nothing of another tenant's", async () => {
    const other = await trial.tokenOf('viewer', 'other');
    const { body } = await ask({ text: ruleText('process_creation', '{ EventKind: exec }'), since: '2h' }, other);
    expect(body).toMatchObject({ total: 0, events: [] });
  });

  it.each([
    [{}, 400, 'input_invalid', /give either "rule".*or "text"/],
    [
      { rule: 'nonsense' },
      404,
      'rule_unknown',
      /No rule of the pack, and none that you imported, is called "nonsense": the pack has .*log_deleted/,
    ],
    [{ rule: 'log_deleted', since: 'yesterday' }, 400, 'input_invalid', /a time is written 7d, 24h/],
    [{ rule: 'log_deleted', since: '1h', until: '2h' }, 400, 'input_invalid', /"since" must be before "until"/],
    [{ rule: 'log_deleted', limit: 5_000 }, 400, 'input_invalid', /limit/],
    [{ text: 'title: [', file: 'mine.yml' }, 400, 'rule_invalid', /^mine\.yml:\d+: YAML/],
    [
      { text: ruleText('process_creation', '{ Imgae: x }') },
      400,
      'rule_invalid',
      /rule\.yml:4: .*the history of process_creation has no field "Imgae": known are Image,/,
    ],
    [{ text: ruleText('auditd', '{ Unseen: x }') }, 400, 'rule_invalid', /the history of auditd has no field "Unseen"/],
    [
      { text: ruleText('dns_query', '{ Image: x }') },
      400,
      'rule_invalid',
      /logsource: nothing of "linux\/dns_query" is seen here/,
    ],
    [
      { text: `${ruleText('file_event', '{ Image: x }')}---\n${ruleText('file_event', '{ Image: y }')}` },
      400,
      'rule_invalid',
      /a hunt is for one rule/,
    ],
    [{ text: ruleText('process_creation', '{ Image|re: "\\\\p{Emoji}" }') }, 400, 'rule_invalid', /p\{Emoji\}/],
  ])('refuse %j with what to do', async (body, status, code, message) => {
    const answer = await ask(body);
    expect(answer).toEqual({ status, body: { code, message: expect.stringMatching(message) } });
  });

  it.each([
    ['a rule', { text: ruleText('process_creation', '{ EventKind: exec }') }],
    ['a correlation', { rule: 'dropped_program_on_several_hosts' }],
  ])('tell how far they are, of %s', async (_, body) => {
    const found = await hunt(body);
    const lines = await steps(body);
    const shares = lines.flatMap(({ progress }) => (progress ? [progress.share] : []));
    expect(shares).toEqual(shares.toSorted((one, other) => one - other));
    expect(shares.at(-1)).toBe(1);
    expect(lines.findLast(({ progress }) => progress)?.progress?.rowsRead).toBeGreaterThan(0);
    expect(lines.at(-1)?.found).toMatchObject({
      ...found,
      since: expect.any(String),
      until: expect.any(String),
      tookMs: expect.any(Number),
    });
  });

  it('that ClickHouse refuses say so on the way', async () => {
    const text = ruleText('process_creation', '{ Image|re: "\\\\p{Emoji}" }');
    const [last] = (await steps({ text })).slice(-1);
    const problem = last?.problem ?? last; // In the answer's head, or on its way.
    expect(problem).toMatchObject({ code: 'rule_invalid', message: expect.stringMatching(/p\{Emoji\}/) });
  });

  it('take a rule that is larger than other bodies may be', async () => {
    const names = Array.from({ length: 2_000 }, (_, at) => `/usr/local/bin/tool-${at}`);
    const found = await hunt({ text: ruleText('process_creation', `{ Image: [${names.join(', ')}, /tmp/x] }`) });
    expect(found.total).toBe(events.filter((one) => one.EventKind === 'exec' && one.Image === '/tmp/x').length);
    expect(found.total).toBeGreaterThan(0);
  });
});
