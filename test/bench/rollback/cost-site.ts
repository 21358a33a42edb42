// Where the cost part works: a protected directory, one that nobody protects, and an overlay as containers have it.
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from '../../attack/stage.ts';
import { runScript } from './script.ts';
import { npmRecipe } from './work-recipes.ts';

const corpusFiles = 300;
export const untarFiles = 20_000;
const filesPerFolder = 1_000;
const diskBytes = '4G';
const diskInodes = 200_000;

export interface CostSite {
  readonly simulator: string;
  readonly protectedDir: string;
  readonly untouchedDir: string;
  /** The overlay's merged directory. */
  readonly overlayDir: string;
  readonly tarball: string;
}

export interface SiteFolders {
  /** Not inside any protected directory. */
  readonly workDir: string;
  /** Inside one. */
  readonly protectedDir: string;
}

/** A tarball of `untarFiles` small files, made once. */
export async function makeTarball(workDir: string): Promise<string> {
  const [tree, tarball] = [join(workDir, 'tree'), join(workDir, 'tree.tar')];
  writeFiles(tree, untarFiles);
  await run('tar', ['-cf', tarball, '-C', tree, '.']);
  await rm(tree, { recursive: true });
  return tarball;
}

export async function prepareCorpus(simulator: string, dir: string): Promise<void> {
  await run(simulator, ['prepare', dir, '--files', String(corpusFiles)]);
}

/** Files of 50 to 1,000 bytes, a thousand in a folder. */
export function writeFiles(folder: string, count: number): void {
  for (let number = 0; number < count; number++) {
    if (number % filesPerFolder === 0) mkdirSync(dirname(fileAt(folder, number)), { recursive: true });
    writeFileSync(
      fileAt(folder, number),
      `line ${number} of ordinary text, as files have it\n`.repeat(1 + (number % 20)),
    );
  }
}

/** Opens what `writeFiles` wrote for writing, and closes it. */
export function openFiles(folder: string, count: number): void {
  for (let number = 0; number < count; number++) closeSync(openSync(fileAt(folder, number), 'r+'));
}

function fileAt(folder: string, number: number): string {
  return join(folder, String(Math.floor(number / filesPerFolder)), `file-${number}.txt`);
}

/** New files on new disks each time: what was written to once is no longer what it was. The caller closes it. */
export async function openSite(
  folders: SiteFolders,
  tools: Pick<CostSite, 'simulator' | 'tarball'>,
): Promise<CostSite & { close(): Promise<void> }> {
  const { workDir, protectedDir } = folders;
  const [untouchedDir, overlay] = [join(workDir, 'untouched'), join(workDir, 'overlay')];
  const disks = [await mountDisk(protectedDir, workDir), await mountDisk(overlay, workDir)];
  for (const dir of [protectedDir, untouchedDir]) {
    await mkdir(dir, { recursive: true });
    await prepareCorpus(tools.simulator, join(dir, 'corpus'));
  }
  await runScript({ text: npmRecipe.prepare ?? '', folder: protectedDir });
  const overlayDir = await mountOverlay(overlay);
  return {
    ...tools,
    protectedDir,
    untouchedDir,
    overlayDir,
    close: async () => {
      // Lazily: who looks at it from outside may take a moment to let go.
      await run('umount', ['--lazy', overlayDir]);
      for (const disk of disks) await disk.close();
      for (const dir of [protectedDir, untouchedDir, overlay]) await rm(dir, { recursive: true, force: true });
    },
  };
}

/**
 * A file system of its own at `dir`. Where files were deleted in the last minutes, ext4 looks past each of their inodes for
 * every new file (`recently_deleted`): with the trees of the rounds before on the same disk, that took more than what is measured.
 */
async function mountDisk(dir: string, workDir: string): Promise<{ close(): Promise<void> }> {
  const image = join(workDir, `${randomBytes(4).toString('hex')}.img`);
  await mkdir(dir, { recursive: true });
  await run('truncate', ['--size', diskBytes, image]);
  await run('mkfs.ext4', ['-q', '-F', '-N', String(diskInodes), image]);
  await run('mount', ['-o', 'loop', image, dir]);
  return {
    close: async () => {
      await run('umount', ['--lazy', dir]);
      await rm(image);
    },
  };
}

async function mountOverlay(folder: string): Promise<string> {
  const [lower, upper, work, merged] = ['lower', 'upper', 'work', 'merged'].map((name) => join(folder, name));
  for (const layer of [lower, upper, work, merged]) await mkdir(String(layer), { recursive: true });
  const layers = `lowerdir=${String(lower)},upperdir=${String(upper)},workdir=${String(work)}`;
  await run('mount', ['-t', 'overlay', 'overlay', '-o', layers, String(merged)]);
  return String(merged);
}
