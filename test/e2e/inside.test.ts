// Protection from within a container: nothing is lost to an attack in each of three levels of privilege, and
// the installation sees the container as a host of its own. No agent on the host, no eBPF, no fanotify.
import { fromBinary, fromJson } from '@bufbuild/protobuf';
import { action, event } from '@norn/contracts';
import { Host } from '@norn/store';
import { ensureDocker } from '@norn/testkit';
import { chmod, chown, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Link, type PartProcess, startLink } from '../agent-link/link.ts';
import { type Started, start } from './inside/container.ts';
import { type Images, call, imageOf, makeImages } from './inside/images.ts';
import { type Peer, command, startPeer } from './inside/isolation.ts';
import { Losses } from './inside/losses.ts';
import { type Level, differences, levels, manifest, prepare, run } from './inside/trial.ts';

jest.setTimeout(1_800_000);

/** Of all ways (test/long/inside.test.ts) those that differ most from one another. */
const modes = ['in-place', 'write-new-unlink', 'truncate-path-then-write', 'mmap', 'fork-tree', 'wiper-unlink'];

let folder: string;
let images: Images;
let losses: Losses;

beforeAll(async () => {
  await ensureDocker();
  folder = await mkdtemp('/var/tmp/norn-inside-');
  await chmod(folder, 0o755);
  images = await makeImages(folder);
  losses = new Losses(images);
});
afterAll(async () => {
  await images.remove();
  await rm(folder, { recursive: true, force: true });
});

describe.each(levels)('with level $level ($name)', (level) => {
  it.each(modes)('ransomware that works %s in an empty image is stopped and undone', (mode) =>
    losses.ofSimulator(level, mode),
  );

  it.each(['glibc', 'musl'] as const)('so is an encryptor that is linked with %s', (kind) =>
    losses.ofEncryptor(kind, level, 'write-new-rename-over'),
  );

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
