// An attack in a container without Docker: runc over an overlay of the image's root, made here.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { NornError } from '@norn/base';
import { prepareHostCorpus } from './host-stage.ts';
import { buildRootfs, imageActions, imageCorpus, otherCorpus } from './rootfs.ts';
import { outputBytesMax, run, type ContainerPlace, type Stage, type StageOptions, type Started } from './stage.ts';
import { startApart } from './start-apart.ts';

export async function runcAnswers(): Promise<boolean> {
  return run('runc', ['--version']).then(
    () => true,
    () => false,
  );
}

export async function openRuncStage(options: StageOptions, place: Exclude<ContainerPlace, 'volume'>): Promise<Stage> {
  const containerId = randomBytes(32).toString('hex');
  const bundle = join(options.workDir, `bundle-${options.id}`);
  const inImage = place === 'image';
  await mountRoot(bundle, inImage ? options : { ...options, files: 0 });
  const bound = place === 'bind' ? await prepareHostCorpus(options) : undefined;
  await writeConfig(bundle, { containerId, bound, mayMount: options.mayMount ?? false });
  await detached(['run', '--detach', '--bundle', bundle, containerId]);
  const corpus = inImage ? imageCorpus : otherCorpus;
  const ask = async (args: readonly string[]): Promise<string> =>
    (await run('runc', ['exec', containerId, '/bin/norn-attack', ...args], { maxBuffer: outputBytesMax })).stdout;
  if (place === 'upper') await ask(['prepare', corpus, '--files', String(options.files)]);
  return {
    description: `container ${containerId.slice(0, 12)} (runc, root ${bundle}/rootfs${bound ? `, ${bound} mounted` : ''})`,
    containerId,
    corpus,
    ask,
    launch: (line) => detached(['exec', '--detach', containerId, '/bin/sh', '-c', line]),
    actions: imageActions,
    start: (command) => startIn(containerId, command, options.workDir),
    close: async () => {
      await run('runc', ['delete', '--force', containerId]);
      await run('umount', [join(bundle, 'rootfs')]);
      for (const folder of [bundle, ...(bound ? [bound] : [])]) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A detached container keeps the pipes it was given, so it gets none. */
async function detached(args: readonly string[]): Promise<void> {
  const [code] = (await once(spawn('runc', args, { stdio: 'ignore' }), 'exit')) as [number | null];
  if (code !== 0) throw new NornError('runc_failed', `runc ${args.join(' ')} ended with ${String(code)}`);
}

const startWithinMs = 10_000;

/** runc says the program's pid in a file, before the program runs. */
async function startIn(containerId: string, command: readonly string[], workDir: string): Promise<Started> {
  const pidFile = join(workDir, `pid-${randomBytes(4).toString('hex')}`);
  const { ended } = await startApart(['runc', 'exec', '--pid-file', pidFile, containerId, ...command], workDir);
  const deadline = Date.now() + startWithinMs;
  try {
    for (;;) {
      const text = await readFile(pidFile, 'utf8').catch(() => '');
      if (text !== '') return { pid: Number(text), ended };
      const early = await Promise.race([ended, sleep(5)]);
      if (early || Date.now() > deadline)
        throw new NornError('runc_failed', `runc exec did not start ${command.join(' ')}: ${early?.printed ?? ''}`);
    }
  } finally {
    await rm(pidFile, { force: true });
  }
}

async function mountRoot(bundle: string, options: StageOptions): Promise<void> {
  const [lower, upper, work, merged] = ['lower', 'upper', 'work', 'rootfs'].map((name) => join(bundle, name));
  for (const folder of [lower, upper, work, merged]) await mkdir(String(folder), { recursive: true });
  await buildRootfs(String(lower), options);
  const layers = `lowerdir=${String(lower)},upperdir=${String(upper)},workdir=${String(work)}`;
  await run('mount', ['-t', 'overlay', 'overlay', '-o', layers, String(merged)]);
}

/** What an ordinary container engine leaves to root in a container. */
const capabilities = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'SETFCAP',
].map((name) => `CAP_${name}`);

const mounting = ['CAP_SYS_ADMIN', 'CAP_SYS_CHROOT'];

interface RuncConfig {
  process: { terminal: boolean; args: string[]; capabilities: Record<string, string[]> };
  root: { path: string; readonly: boolean };
  mounts: { destination: string; type: string; source: string; options: string[] }[];
  linux: { cgroupsPath: string };
}

interface ContainerConfig {
  readonly containerId: string;
  /** A folder of the host's. */
  readonly bound: string | undefined;
  readonly mayMount: boolean;
}

async function writeConfig(bundle: string, { containerId, bound, mayMount }: ContainerConfig): Promise<void> {
  await run('runc', ['spec', '--bundle', bundle]);
  const file = join(bundle, 'config.json');
  const config = JSON.parse(await readFile(file, 'utf8')) as RuncConfig;
  config.process.terminal = false;
  config.process.args = ['/bin/norn-attack', 'hold'];
  for (const set of Object.keys(config.process.capabilities))
    config.process.capabilities[set] = mayMount ? [...capabilities, ...mounting] : capabilities;
  config.root = { path: 'rootfs', readonly: false };
  if (bound) config.mounts.push({ destination: otherCorpus, type: 'bind', source: bound, options: ['rbind', 'rw'] });
  config.linux.cgroupsPath = `/norn/${containerId}`;
  await writeFile(file, JSON.stringify(config));
}
