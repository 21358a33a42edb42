// Protection from within a container: what every way to write loses in each of three levels of privilege, and what a start costs.
// @norn-strict
import { ensureDocker } from '@norn/testkit';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { start } from '../e2e/inside/container.ts';
import { type Images, call, makeImages } from '../e2e/inside/images.ts';
import { Losses } from '../e2e/inside/losses.ts';
import { levels, prepare } from '../e2e/inside/trial.ts';

jest.setTimeout(1_800_000);

const everyMode = [
  ...['in-place', 'partial', 'write-new-unlink', 'write-new-rename-over', 'rename-then-write', 'low-entropy'],
  ...['truncate-then-write', 'ftruncate-then-write', 'truncate-path-then-write', 'hole-punch', 'mmap'],
  ...['copy-file-range', 'sendfile', 'threads', 'process-per-file', 'fork-tree', 'wiper-unlink', 'wiper-overwrite'],
];
/** By a program that has the container's own libc. */
const libcModes = ['in-place', 'truncate-then-write', 'write-new-unlink', 'write-new-rename-over', 'rename-then-write'];

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
  process.stdout.write(`\n${losses.table()}\n`);
  await images.remove();
  await rm(folder, { recursive: true, force: true });
});

describe.each(levels)('with level $level ($name)', (level) => {
  it.each(everyMode)('ransomware that works %s in an empty image is stopped and undone', (mode) =>
    losses.ofSimulator(level, mode),
  );

  describe.each(['glibc', 'musl'] as const)('an encryptor that is linked with %s', (kind) => {
    it.each(libcModes)('that works %s is stopped and undone', (mode) => losses.ofEncryptor(kind, level, mode));
  });
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
