// Images with the agent in them, made here: glibc and musl with the libc's own loader, and an empty one with static programs.
import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildStatic } from '@norn/cli';
import { buildSimulator } from '../../attack/binary.ts';

export const call = promisify(execFile);
const here = fileURLToPath(new URL('.', import.meta.url));
const muslLoader = '/lib/ld-musl-x86_64.so.1';

export const kinds = ['glibc', 'musl', 'empty'] as const;
export type Kind = (typeof kinds)[number];

export interface Images {
  /** Of the simulator, on this machine. */
  readonly simulator: string;
  readonly baldur: string;
  /** Says when it started. */
  readonly now: string;
  /** What tests put on disk. */
  readonly folder: string;
  remove(): Promise<void>;
}

export const imageOf = (kind: Kind): string => `norn-test/inside-${kind}:latest`;

export async function makeImages(folder: string): Promise<Images> {
  const quiet = (): undefined => undefined;
  const baldur = join(folder, 'baldur');
  await copyFile(await buildStatic('baldur', quiet), baldur);
  const simulator = await buildSimulator(quiet);
  // Given to a container without root, a capability is only permitted; to one without the capability, nothing.
  await call('setcap', ['cap_sys_ptrace+p', baldur]);
  const now = join(folder, 'now');
  await call('gcc', ['-O1', '-static', '-o', now, join(here, 'now.c')]);
  const [talk, evade] = [join(folder, 'talk'), join(folder, 'evade')];
  await call('gcc', ['-O1', '-static', '-o', talk, join(here, 'talk.c')]);
  await call('gcc', ['-O1', '-static', '-pthread', '-o', evade, join(here, 'evade.c')]);
  for (const kind of kinds) await makeImage(kind, { folder, baldur, simulator, now, talk, evade });
  const remove = async (): Promise<void> => {
    await call('docker', ['rmi', '--force', ...kinds.map(imageOf)]);
  };
  return { simulator, baldur, now, folder, remove };
}

interface Parts {
  readonly folder: string;
  readonly baldur: string;
  readonly simulator: string;
  readonly now: string;
  readonly talk: string;
  readonly evade: string;
}

async function makeImage(kind: Kind, { folder, baldur, simulator, now, talk, evade }: Parts): Promise<void> {
  const root = await mkdtemp(join(folder, `${kind}-`));
  await mkdir(join(root, 'data'));
  await call('cp', ['--preserve=mode,xattr', baldur, join(root, 'baldur')]);
  await copyFile(now, join(root, 'now'));
  await copyFile(talk, join(root, 'talk'));
  await copyFile(evade, join(root, 'evade'));
  await copyFile(simulator, join(root, 'norn-attack'));
  await chmod(join(root, 'norn-attack'), 0o755);
  const encrypt = join(root, 'encrypt');
  const source = join(here, 'encrypt.c');
  if (kind === 'empty') await call('gcc', ['-O1', '-static', '-o', encrypt, source]);
  else await call(kind === 'musl' ? 'musl-gcc' : 'gcc', ['-O1', '-o', encrypt, source]);
  if (kind === 'musl') await copyInto(root, muslLoader);
  if (kind === 'glibc') {
    for (const library of await librariesOf('/bin/dash')) await copyInto(root, library);
    await copyInto(root, '/bin/dash');
    await mkdir(join(root, 'tmp'));
    // For everybody, as `mkdir` leaves it to the umask.
    await mkdir(join(root, 'work'));
    for (const name of ['tmp', 'work']) await chmod(join(root, name), 0o1777);
  }
  const archive = `${root}.tar`;
  const names = await readdir(root);
  await call('tar', ['-C', root, '--xattrs', '--xattrs-include=*', '-cf', archive, ...names]);
  await call('docker', ['import', archive, imageOf(kind)]);
  await rm(archive);
}

async function copyInto(root: string, path: string): Promise<void> {
  await mkdir(join(root, dirname(path)), { recursive: true });
  await call('cp', ['--dereference', path, join(root, dirname(path), basename(path))]);
}

async function librariesOf(program: string): Promise<string[]> {
  const { stdout } = await call('ldd', [program]);
  return [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path);
}
