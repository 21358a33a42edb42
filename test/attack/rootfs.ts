// The container image of the attacks: a static busybox, the simulator, and the corpus as files of the image.
import { copyFile, cp, link, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NornError } from '@norn/base';
import { run, type StageOptions } from './stage.ts';

const busyboxPlaces = ['/bin/busybox', '/usr/bin/busybox'];
/** Each is a name of busybox, as a hard link: the kernel tells a program's path by the name it was called by. */
const applets = (
  'awk base64 cat chmod chown cp crontab dd echo env find grep gzip head id insmod kill ln ls mkdir mkfifo mknod mktemp modprobe mount ' +
  'mv nc nohup nsenter ps readlink rm rmdir sed setsid sh shred sleep sort tail tar tee telnet timeout touch truncate umount uname ' +
  'unshare wget which whoami xargs xxd'
).split(' ');

/** The corpus as the attacker sees it: as files of the image, and in the other places. */
export const imageCorpus = '/srv/company';
export const otherCorpus = '/srv/work';

/** The catalogue's actions: here, and in the image. */
export const actionsFolder = fileURLToPath(new URL('../e2e/actions', import.meta.url));
export const imageActions = '/actions';

/** Twelve hex digits that change with whatever goes into the image. */
export async function imageTag({ binary, files }: StageOptions): Promise<string> {
  const hash = createHash('sha256').update(await readFile(binary));
  for (const name of (await readdir(actionsFolder)).sort()) hash.update(await readFile(join(actionsFolder, name)));
  return hash
    .update(`${String(files)} ${applets.join(' ')}`)
    .digest('hex')
    .slice(0, 12);
}

export async function buildRootfs(folder: string, { binary, files }: StageOptions): Promise<void> {
  for (const name of ['bin', 'etc', 'tmp', 'proc', 'dev', 'sys', 'srv'])
    await mkdir(join(folder, name), { recursive: true });
  await copyFile(await findBusybox(), join(folder, 'bin/busybox'));
  for (const applet of applets) await link(join(folder, 'bin/busybox'), join(folder, 'bin', applet));
  await copyFile(binary, join(folder, 'bin/norn-attack'));
  // What actions play other tools with: whatever it is called, it refuses what it is asked for. A busybox would be what it is called.
  await link(join(folder, 'bin/norn-attack'), join(folder, 'bin/true'));
  await cp(actionsFolder, join(folder, imageActions), { recursive: true });
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
