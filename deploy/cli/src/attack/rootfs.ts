// The container image of the attacks: a static busybox, the simulator, and the corpus as files of the image.
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { NornError } from '@norn/base';
import { run, type StageOptions } from './stage.ts';

const busyboxPlaces = ['/bin/busybox', '/usr/bin/busybox'];
const applets = [
  'sh',
  'cat',
  'ls',
  'ps',
  'sleep',
  'id',
  'sed',
  'grep',
  'find',
  'rm',
  'mv',
  'cp',
  'gzip',
  'tar',
  'wget',
];

/** The corpus as the attacker sees it: as files of the image, and in the other places. */
export const imageCorpus = '/srv/company';
export const otherCorpus = '/srv/work';

/** Twelve hex digits that change with whatever goes into the image. */
export async function imageTag({ binary, files }: StageOptions): Promise<string> {
  const hash = createHash('sha256').update(await readFile(binary));
  return hash.update(String(files)).digest('hex').slice(0, 12);
}

export async function buildRootfs(folder: string, { binary, files }: StageOptions): Promise<void> {
  for (const name of ['bin', 'etc', 'tmp', 'proc', 'dev', 'sys', 'srv'])
    await mkdir(join(folder, name), { recursive: true });
  await copyFile(await findBusybox(), join(folder, 'bin/busybox'));
  for (const applet of applets) await symlink('busybox', join(folder, 'bin', applet));
  await copyFile(binary, join(folder, 'bin/norn-attack'));
  await writeFile(join(folder, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\nwww-data:x:33:33::/srv:/bin/sh\n');
  await run(binary, ['prepare', join(folder, imageCorpus), '--files', String(files)]);
}

async function findBusybox(): Promise<string> {
  for (const place of busyboxPlaces) {
    if (await isStatic(place)) return place;
  }
  await run('apt-get', ['install', '-y', '-qq', 'busybox-static']).catch((error: unknown) => {
    throw new NornError('busybox_missing', 'The attack image needs a static busybox: apt-get install busybox-static', {
      cause: error,
    });
  });
  return '/bin/busybox';
}

/** A program with no interpreter (PT_INTERP, type 3) needs no libraries. */
async function isStatic(path: string): Promise<boolean> {
  const elf = await readFile(path).catch(() => Buffer.alloc(0));
  if (elf.length < 64 || elf.readUInt32BE(0) !== 0x7f45_4c46) return false;
  const [tableAt, size, count] = [Number(elf.readBigUInt64LE(32)), elf.readUInt16LE(54), elf.readUInt16LE(56)];
  return !Array.from({ length: count }, (_, entry) => elf.readUInt32LE(tableAt + entry * size)).includes(3);
}
