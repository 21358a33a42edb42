// What an attacker may try to be not seen, or not undone, from below the agent inside a container; and files that are too large to be
// copied whenever they are opened. Nothing may be lost silently: either it is as it was, or the agent says that it is lost.
import { ensureDocker } from '@norn/testkit';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Images, call, makeImages } from './images.ts';
import { type Level, type Manifest, differences, manifest, prepare, run } from './trial.ts';

const ways = [
  ...['times-set-back', 'root-of-its-own', 'name-that-is-gone', 'appended', 'by-a-child', 'by-a-stranger', 'refused'],
  ...['by-a-thread', 'mapped'],
];
const largeWays = ['in-place', 'truncated', 'removed', 'renamed-over', 'mapped'];
const largeMiB = 96;

let images: Images;

/** In containers of these levels. */
export function triesAtEach(of: readonly Level[]): void {
  beforeAll(async () => {
    await ensureDocker();
    const folder = await mkdtemp('/var/tmp/norn-evasions-');
    await chmod(folder, 0o755);
    images = await makeImages(folder);
  });
  afterAll(async () => {
    await images.remove();
    await rm(images.folder, { recursive: true, force: true });
  });

  const evade = (way: string, folder: string): string[] => ['/evade', way, folder];

  describe.each(of)('with level $level ($name)', (level) => {
    it.each(ways)('%s is seen and undone', async (way) => {
      const data = await prepare(images, level.user, 60);
      const before = await manifest(images, data);
      const { exitCode, stdout, stderr } = await run('empty', level, { data, command: evade(way, '/data/corpus') });
      expect({ lost: differences(before, await manifest(images, data)), stdout }).toEqual({ lost: [], stdout: '' });
      expect([exitCode, stderr]).toEqual([137, expect.stringContaining('reflex.ransomware')]);
      await rm(data, { recursive: true, force: true });
    });

    it.each(largeWays)('a file of 96 MiB on a volume is kept when it is %s', async (way) => {
      const data = await prepare(images, level.user, 30);
      await makeLarge(data, level);
      const before = await manifest(images, data);
      const { stderr } = await run('empty', level, { data, command: evade(way, '/data/corpus') });
      const lost = differences(rounded(before), rounded(await manifest(images, data)));
      expect(silentlyLost(lost, stderr)).toEqual([]);
      expect(stderr).toContain('reflex.ransomware');
      await rm(data, { recursive: true, force: true });
    });

    it.each(largeWays)('a file of 96 MiB in its own layer is kept when it is %s', async (way) => {
      const data = await prepare(images, level.user, 1);
      const script = [
        '/norn-attack prepare /work/c --files 30 >/dev/null',
        `/evade make /work/c/large ${String(largeMiB)}`,
        '/norn-attack manifest /work/c > /data/before',
        evade(way, '/work/c').join(' '),
        '/norn-attack manifest /work/c > /data/after',
        'echo "went on"',
      ].join('; ');
      const { stdout, stderr } = await run('glibc', level, { data, command: ['/bin/dash', '-c', script] });
      const [before, after] = await Promise.all(['before', 'after'].map((name) => readFile(join(data, name), 'utf8')));
      expect([stdout.trim(), stderr]).toEqual(['went on', expect.stringContaining('reflex.ransomware')]);
      const [were, are] = [filesOf(before), filesOf(after)];
      const lost = Object.keys(were).filter((name) => JSON.stringify(were[name]) !== JSON.stringify(are[name]));
      expect([silentlyLost(lost, stderr), Object.keys(are)]).toEqual([[], Object.keys(were)]);
      await rm(data, { recursive: true, force: true });
    });
  });

  it('a large file that finds no room is said to be lost, and why', async () => {
    const [level] = of;
    if (level === undefined) throw new Error('No level is given');
    const data = await prepare(images, level.user, 30);
    await makeLarge(data, level);
    const before = await manifest(images, data);
    const agent = ['--vault-bytes', String(64 << 20)];
    const { stderr } = await run('empty', level, { data, agent, command: evade('in-place', '/data/corpus') });
    expect(differences(before, await manifest(images, data))).toEqual(['large']);
    expect(stderr).toMatch(/not_restored.*\/data\/corpus\/large.*too large/);
    await rm(data, { recursive: true, force: true });
  });
}

/** A slow disk does not copy a large file within its time: the agent says so then. */
function silentlyLost(lost: readonly string[], stderr: string): string[] {
  return lost.filter((name) => name !== 'large' || !/not_restored.*\/large/.test(stderr));
}

/** Of a large file also the blocks with its index of blocks count as its own: those may be more or fewer. */
function rounded(files: Manifest): Manifest {
  const { large, ...others } = files as Record<string, { allocated: number }>;
  return { ...others, large: { ...large, allocated: Math.round((large?.allocated ?? 0) / 2 ** 20) } };
}

function filesOf(text = ''): Manifest {
  return rounded(JSON.parse(text) as Manifest);
}

async function makeLarge(data: string, { user }: Level): Promise<void> {
  const as = { uid: user, gid: user };
  await call(join(images.folder, 'evade'), ['make', join(data, 'corpus/large'), String(largeMiB)], as);
}
