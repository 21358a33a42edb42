// A base image where none can be pulled: Debian by debootstrap, without what nobody reads in an image.
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { NornError } from '@norn/base';
import { runCommand } from '@norn/embedded';
import { installPackages, isThere } from '../machine/packages.ts';
import { hasImage } from './docker.ts';

const suite = 'bookworm';
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
    const mirror = await archiveOfDebian();
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

/** Where this machine has its own packages from; an archive of Debian holds every suite. Throws `debian_source_missing`. */
async function archiveOfDebian(): Promise<string> {
  const archive = (await debianSources()) ?? (await debianSourcesAnew());
  if (archive !== undefined) return archive;
  const cure =
    'add a source of Debian to /etc/apt/sources.list.d, or name an image: `./norn images build --base IMAGE`';
  throw new NornError('debian_source_missing', `apt has no source of Debian on this machine: ${cure}`);
}

async function debianSources(): Promise<string | undefined> {
  const format = '$(ORIGIN)|$(LABEL)|$(REPO_URI)';
  const targets = await runCommand('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']);
  return /^Debian\|Debian\|(\S+?)\/?$/m.exec(targets)?.[1];
}

/** Before its first update apt does not know whose a source is. */
async function debianSourcesAnew(): Promise<string | undefined> {
  await runCommand('apt-get', ['update', '-qq']);
  return debianSources();
}
