// A base image where none can be pulled: Debian by debootstrap, without what nobody reads in an image.
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '@norn/embedded';
import { installPackages, isThere } from '../up/packages.ts';
import { hasImage } from './docker.ts';

const suite = 'bookworm';
const mirror = 'http://deb.debian.org/debian';
const unread = ['var/cache/apt', 'var/lib/apt/lists', 'usr/share/man', 'usr/share/info', 'usr/share/locale', 'var/log'];

/** `norn/base:bookworm`, or `norn/base:bookworm-java` with a JRE; made when the daemon has none (a minute). Needs root. */
export async function provideBase(withJava: boolean, onLine: (line: string) => void): Promise<string> {
  const image = `norn/base:${suite}${withJava ? '-java' : ''}`;
  if (await hasImage(image)) return image;
  if (!isThere('debootstrap')) await installPackages(['debootstrap'], onLine);
  const folder = await mkdtemp('/var/tmp/norn-base-');
  const root = join(folder, 'root');
  try {
    const packages = ['ca-certificates', ...(withJava ? ['openjdk-17-jre-headless'] : [])].join(',');
    await runCommand('debootstrap', ['--variant=minbase', `--include=${packages}`, suite, root, mirror], { onLine });
    for (const name of unread) await runCommand('find', [join(root, name), '-mindepth', '1', '-delete']);
    await runCommand('find', [join(root, 'usr/share/doc'), '-type', 'f', '!', '-name', 'copyright', '-delete']);
    const archive = join(folder, 'base.tar');
    await runCommand('tar', ['-C', root, '--numeric-owner', '--exclude=./dev/*', '-cf', archive, '.']);
    await runCommand('docker', ['import', archive, image]);
    return image;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
