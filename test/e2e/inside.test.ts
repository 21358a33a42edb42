// Protection from within a container: what is lost to an attack in each of three levels of privilege, what a start costs, and
// that the installation sees the container as a host of its own. No agent on the host, no eBPF, no fanotify.
import { fromBinary, fromJson } from '@bufbuild/protobuf';
import { action, event } from '@norn/contracts';
import { Host } from '@norn/store';
import { ensureDocker } from '@norn/testkit';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Link, type PartProcess, startLink } from '../agent-link/link.ts';
import { type Started, start } from './inside/container.ts';
import { type Images, type Kind, call, imageOf, kinds, makeImages } from './inside/images.ts';
import { type Peer, command, startPeer } from './inside/isolation.ts';
import { type Level, differences, levels, manifest, prepare, run } from './inside/trial.ts';

jest.setTimeout(1_800_000);

const everyMode = [
  ...['in-place', 'partial', 'write-new-unlink', 'write-new-rename-over', 'rename-then-write', 'low-entropy'],
  ...['truncate-then-write', 'ftruncate-then-write', 'truncate-path-then-write', 'hole-punch', 'mmap'],
  ...['copy-file-range', 'sendfile', 'threads', 'process-per-file', 'fork-tree', 'wiper-unlink', 'wiper-overwrite'],
];
/** By a program that has the container's own libc. */
const libcModes = ['in-place', 'truncate-then-write', 'write-new-unlink', 'write-new-rename-over', 'rename-then-write'];

interface Loss {
  readonly kind: Kind;
  readonly level: number;
  readonly mode: string;
  /** Harmed before the stop, as the finding counts. */
  readonly harmed: number;
  readonly lost: string[];
  readonly exitCode: number;
}

let folder: string;
let images: Images;
const table: Loss[] = [];

beforeAll(async () => {
  await ensureDocker();
  folder = await mkdtemp('/var/tmp/norn-inside-');
  await chmod(folder, 0o755);
  images = await makeImages(folder);
});
afterAll(async () => {
  process.stdout.write(`\n${rendered(table)}\n`);
  await images.remove();
  await rm(folder, { recursive: true, force: true });
});

async function attack(kind: Kind, level: Level, mode: string, command: readonly string[]): Promise<Loss> {
  const data = await prepare(images, level.user, 100);
  const before = await manifest(images, data);
  const { exitCode, stderr } = await run(kind, level, { data, command });
  const lost = differences(before, await manifest(images, data));
  const harmed = Number(/"summary":"\S+ (?:encrypted|wiped) (\d+)/.exec(stderr)?.[1] ?? 0);
  const loss = { kind, level: level.level, mode, harmed, lost, exitCode };
  table.push(loss);
  if (lost.length > 0) process.stdout.write(`${kind} ${String(level.level)} ${mode}: ${lost.join(' ')}\n${stderr}\n`);
  await rm(data, { recursive: true, force: true });
  return loss;
}

function rendered(losses: readonly Loss[]): string {
  const lines = ['container  level                             modes  harmed before the stop  files lost'];
  for (const kind of kinds) {
    for (const { level, name } of levels) {
      const of = losses.filter((loss) => loss.kind === kind && loss.level === level);
      const harmed = of.map((loss) => loss.harmed).sort((a, b) => a - b);
      const lost = of.reduce((sum, loss) => sum + loss.lost.length, 0);
      const range = `${String(harmed[0] ?? '-')} to ${String(harmed.at(-1) ?? '-')}`;
      const cells = [
        kind.padEnd(10),
        `${String(level)} ${name}`.padEnd(33),
        String(of.length).padEnd(6),
        range.padEnd(23),
      ];
      lines.push([...cells, String(lost)].join(' '));
    }
  }
  return lines.join('\n');
}

describe.each(levels)('with level $level ($name)', (level) => {
  it.each(everyMode)('ransomware that works %s in an empty image is stopped and undone', async (mode) => {
    const loss = await attack('empty', level, mode, ['/norn-attack', 'ransomware', '/data/corpus', '--mode', mode]);
    expect(loss.lost).toEqual([]);
    // Where the work is handed out, its first process may live on and say that its helpers did not.
    expect([1, 137]).toContain(loss.exitCode);
    expect(loss.harmed).toBeGreaterThan(0);
  });

  it.each(['glibc', 'musl'] as const)('so is an encryptor that is linked with %s', async (kind) => {
    for (const mode of libcModes) {
      const loss = await attack(kind, level, mode, ['/encrypt', '/data/corpus', mode]);
      expect(loss).toMatchObject({ lost: [], exitCode: 137 });
    }
  });

  it("says what it can see and do, and keeps the agent out of the application's reach", async () => {
    const script = 'cat /proc/1/environ >/dev/null 2>&1 && echo open; kill -9 1; echo alive';
    const data = await prepare(images, level.user, 1);
    const options = [...level.options, '--entrypoint', '/baldur', imageOf('empty'), 'capabilities', '--inside'];
    const said = (await call('docker', ['run', '--rm', ...options])).stdout;
    process.stdout.write(`level ${String(level.level)} (${level.name})\n${said}\n`);
    expect(said).toMatch(/^available +file\.preimage /m);
    expect(said).toMatch(level.level === 1 ? /of programs whose memory their user may read/ : /of every program/);
    expect(said).toMatch(
      level.level === 3 ? /^verified +network.isolate +nftables /m : /^missing +network.isolate .*NET_ADMIN/m,
    );
    expect(said).toMatch(level.user === 0 ? /with owner and attributes/ : /an owner is not given back/);
    const tried = await run('glibc', level, { data, command: ['/bin/dash', '-c', script.replace('cat', 'read x <')] });
    expect(tried.stdout.trim()).toBe('alive');
    await rm(data, { recursive: true, force: true });
  });
});

it('an attack in the layer of a container, below a shell that goes on, leaves nothing behind', async () => {
  const [, , root] = levels;
  const data = await prepare(images, 0, 1);
  const script = [
    '/norn-attack prepare /srv --files 100 >/dev/null; /norn-attack manifest /srv > /data/before',
    '/norn-attack ransomware /srv --mode write-new-unlink; /norn-attack manifest /srv > /data/after; echo "went on"',
  ].join('; ');
  const { stdout, exitCode } = await run('glibc', root, { data, command: ['/bin/dash', '-c', script] });
  expect([stdout.trim(), exitCode]).toEqual(['went on', 0]);
  const [before, after] = await Promise.all(['before', 'after'].map((name) => readFile(join(data, name), 'utf8')));
  expect(after).toBe(before);
});

it('as another user than the agent the application is watched with SYS_PTRACE, and its files come back', async () => {
  const [, , root] = levels;
  const data = await prepare(images, 1000, 100);
  const before = await manifest(images, data);
  const command = ['/norn-attack', 'ransomware', '/data/corpus', '--mode', 'in-place'];
  const { exitCode } = await run('empty', root, { data, agent: ['--user', '1000'], command });
  expect(exitCode).toBe(137);
  expect(differences(before, await manifest(images, data))).toEqual([]);
});

it('a start is held up a little, and the agent stays small under attack', async () => {
  const started = async (file: string, args: readonly string[]): Promise<number> => {
    const before = process.hrtime.bigint();
    const { stdout } = await call(file, [...args]);
    return Number(BigInt(stdout.trim()) - before) / 1e6;
  };
  const state = ['run', '--state-dir', join(folder, 'state'), '--'];
  const [bare, below]: [number[], number[]] = [[], []];
  for (let turn = 0; turn < 40; turn++) {
    bare.push(await started(images.now, []));
    below.push(await started(images.baldur, [...state, images.now]));
  }
  const of = (values: number[], share: number): number =>
    values.sort((a, b) => a - b)[Math.ceil(values.length * share) - 1] ?? NaN;
  const row = (name: string, values: number[]): string =>
    `${name.padEnd(16)}${of(values, 0.5).toFixed(1).padStart(6)} ms${of(values, 0.99).toFixed(1).padStart(9)} ms`;
  const { rssBytes, groupBytes } = await memoryUnderAttack();
  const MiB = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const { size } = await stat(images.baldur);
  const lines = [
    'first instruction    p50         p99   (40 starts each, by turns)',
    ...[row('bare', bare), row('below the agent', below)],
    `agent under attack   ${MiB(rssBytes)} resident at its most; its container's memory without file cache ${MiB(groupBytes)}`,
    `program and image    ${MiB(size)}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  expect(rssBytes).toBeLessThan(40 * 2 ** 20);
  expect(groupBytes).toBeLessThan(40 * 2 ** 20);
});

/** Of an agent whose application changes 1,000 files and then loses some to an attack, which is undone. */
async function memoryUnderAttack(): Promise<{ rssBytes: number; groupBytes: number }> {
  const data = await prepare(images, 0, 1_000);
  const script = [
    'for f in /data/corpus/*/*; do [ -f "$f" ] && echo x >> "$f"; done',
    '/norn-attack ransomware /data/corpus --mode in-place',
    ': > /data/ready; exec /talk 127.0.0.1 9',
  ].join('; ');
  const options = ['--volume', `${data}:/data`];
  const container = await start({ kind: 'glibc', options, command: ['/bin/dash', '-c', script] });
  while (!existsSync(join(data, 'ready'))) await sleep(100);
  const { stdout } = await call('docker', ['inspect', '--format', '{{.State.Pid}} {{.Id}}', container.name]);
  const [pid = '', id = ''] = stdout.trim().split(' ');
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const folders = [`/sys/fs/cgroup/memory/docker/${id}`, `/sys/fs/cgroup/system.slice/docker-${id}.scope`];
  const group = await readFile(join(folders.find((each) => existsSync(each)) ?? '', 'memory.stat'), 'utf8');
  await container.end();
  return {
    rssBytes: Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) * 1024,
    groupBytes: Number(/^(?:anon|rss) (\d+)/m.exec(group)?.[1]),
  };
}

/** CapPrm of the application. */
const permitted = 'while read name value; do [ "$name" = CapPrm: ] && echo "$value"; done < /proc/self/status';

it('keeps NET_ADMIN and SYS_PTRACE from the application, also where it may not take them from the container', async () => {
  const data = await prepare(images, 0, 1);
  const options = ['--cap-drop', 'ALL', '--cap-add', 'SYS_PTRACE', '--cap-add', 'NET_ADMIN'];
  const level = { ...levels[2], options } as unknown as Level;
  const { stdout } = await run('glibc', level, { data, command: ['/bin/dash', '-c', permitted] });
  expect(stdout).toBe('0000000000000000\n');
  await rm(data, { recursive: true, force: true });
});

describe('cut off from the network by a command', () => {
  const cutOff = 'old no, new no';
  const alert = 'a'.repeat(32);
  let link: Link;
  let peer: Peer;
  let parts: PartProcess[];
  beforeAll(async () => {
    [link, peer] = await Promise.all([startLink(), startPeer()]);
    parts = [await link.startIngest(), link.startTyr({ NORN_AGENT_INSIDE: 'true' })];
    await link.identity();
  });
  afterAll(async () => {
    for (const part of parts) await part.kill('SIGTERM');
    await peer.close();
    await link.close();
  });

  const startTalking = async (options: readonly string[]): Promise<Started> => {
    const data = await mkdtemp(join(folder, 'state-'));
    const volumes = ['--network', peer.network, '--volume', `${link.agentDir}:/tyr`, '--volume', `${data}:/state`];
    const agent = ['--socket', '/tyr/baldur.sock', '--state-dir', '/state'];
    const talk = ['/talk', peer.address, String(peer.port)];
    return start({ kind: 'empty', options: [...options, ...volumes], agent, command: talk });
  };

  it('a container of level three is, over a restart of the agent, until the alert is released', async () => {
    const container = await startTalking(levels[2].options);
    try {
      await container.untilLine('old yes, new yes');
      const outcome = await command(link, alert, 'isolate');
      expect(outcome).toMatchObject({ state: action.OutcomeState.SUCCEEDED, action: 'isolate' });
      expect(outcome.message).toContain('127.0.0.1:');
      await container.untilLine(cutOff);
      await command(link, 'b'.repeat(32), 'isolate');
      expect(await command(link, 'b'.repeat(32), 'release')).toMatchObject({ code: 'ok' });
      await container.untilLine(cutOff);
      await container.restart();
      await container.untilLine(cutOff);
      expect(await command(link, alert, 'release')).toMatchObject({ code: 'ok' });
      // Its connection could not be made while it was cut off: that is a matter of the program.
      await container.untilLine('new yes');
      await container.restart();
      await container.untilLine('old yes, new yes');
      await command(link, alert, 'isolate');
      await container.untilLine(cutOff);
      await command(link, alert, 'release');
      await container.untilLine('old yes, new yes');
    } finally {
      await container.end();
    }
  });

  it.each(levels.slice(0, 2))('level $level refuses, says what it lacks, and goes on', async ({ options, user }) => {
    await chown(link.agentDir, user, user);
    await chown(link.socket, user, user);
    // Its state needs a place of its own that the user may write: the one beside Tyr.
    const volume = ['--network', peer.network, '--volume', `${link.agentDir}:/tyr`];
    const agent = ['--socket', '/tyr/baldur.sock', '--state-dir', '/tyr/state'];
    const talk = ['/talk', peer.address, String(peer.port)];
    const container = await start({ kind: 'empty', options: [...options, ...volume], agent, command: talk });
    try {
      await container.untilLine('old yes, new yes');
      const outcome = await command(link, alert, 'isolate');
      expect(outcome).toMatchObject({ state: action.OutcomeState.FAILED, code: 'isolation_not_permitted' });
      expect(outcome.message).toContain('NET_ADMIN');
      await container.untilLine('old yes, new yes');
    } finally {
      await container.end();
    }
  });
});

describe('beside Tyr', () => {
  it('the container is a host of its kind, its events carry its id, and its end is quiet', async () => {
    const link = await startLink();
    const ingest = await link.startIngest();
    const tyr = link.startTyr({ NORN_AGENT_INSIDE: 'true' });
    try {
      const { hostId } = await link.identity();
      const [, , root] = levels;
      const data = await prepare(images, 0, 100);
      await mkdir(join(data, 'unused'));
      const command = ['/norn-attack', 'ransomware', '/data/corpus', '--mode', 'in-place'];
      const socket = ['--volume', `${link.agentDir}:/tyr`];
      const level = { ...root, options: [...root.options, ...socket] } as unknown as Level;
      const { exitCode } = await run('empty', level, { data, agent: ['--socket', '/tyr/baldur.sock'], command });
      expect(exitCode).toBe(137);
      const facts = await factsOf(link.control, hostId);
      expect(facts.containerId).toMatch(/^[0-9a-f]{64}$/);
      const records = await link.records('raw');
      const batches = records.map(({ value }) => fromBinary(event.EventBatchSchema, value));
      const findings = batches.flatMap((batch) => batch.findings);
      expect(findings.map(({ ruleId, containerId }) => [ruleId, containerId])).toEqual([
        ['reflex.ransomware', facts.containerId],
      ]);
    } finally {
      await tyr.kill('SIGTERM');
      await ingest.kill('SIGTERM');
      await link.close();
    }
  });
});

/** Once it has ended. */
async function factsOf(
  control: Awaited<ReturnType<typeof startLink>>['control'],
  id: string,
): Promise<event.HostFacts> {
  for (;;) {
    const { facts } = await control.manager.findOneByOrFail(Host, { id });
    const read = facts === null ? undefined : fromJson(event.HostFactsSchema, facts as never);
    if (read?.ended === true) return read;
    await sleep(100);
  }
}
