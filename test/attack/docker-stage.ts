// An attack in a Docker container of an image made here (nothing is pulled).
import { spawn } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { NornError } from '@norn/base';
import Docker from 'dockerode';
import { prepareHostCorpus } from './host-stage.ts';
import { buildRootfs, imageActions, imageCorpus, imageTag, otherCorpus } from './rootfs.ts';
import type { ContainerPlace, Ended, Stage, StageOptions, Started } from './stage.ts';

const repository = 'norn/attack';

export async function dockerAnswers(): Promise<boolean> {
  return new Docker().ping().then(
    () => true,
    () => false,
  );
}

export async function openDockerStage(options: StageOptions, place: ContainerPlace = 'image'): Promise<Stage> {
  const docker = new Docker();
  const inImage = place === 'image';
  const image = await provideAttackImage(inImage ? options : { ...options, files: 0 });
  const mounted = await mountFor(docker, place, options);
  const container = await createContainer(docker, image, { ...options, binds: mounted.binds });
  const corpus = inImage ? imageCorpus : otherCorpus;
  const ask = (args: readonly string[]): Promise<string> => exec(container, ['/bin/norn-attack', ...args]);
  if (place === 'upper' || place === 'volume') await ask(['prepare', corpus, '--files', String(options.files)]);
  return {
    description: `container ${container.id.slice(0, 12)} (norn-attack-${options.id}, image ${image}${mounted.note})`,
    containerId: container.id,
    corpus,
    ask,
    launch: async (line) => {
      const started = await container.exec({ Cmd: ['/bin/sh', '-c', line] });
      // Docker keeps the connection of a detached start open, and that would keep this process from ending.
      (await started.start({ Detach: true })).destroy();
    },
    actions: imageActions,
    start: (command) => startIn(container, command),
    close: async () => {
      await container.remove({ force: true });
      await mounted.remove();
    },
  };
}

/** The image of a victim, made when the local Docker has none of this content. Returns its name. */
export async function provideAttackImage(options: StageOptions): Promise<string> {
  const image = `${repository}:${await imageTag(options)}`;
  await ensureImage(new Docker(), image, options);
  return image;
}

interface Mounted {
  /** As `docker run -v` takes them. */
  readonly binds: readonly string[];
  readonly note: string;
  remove(): Promise<void>;
}

async function mountFor(docker: Docker, place: ContainerPlace, options: StageOptions): Promise<Mounted> {
  if (place === 'bind') {
    const folder = await prepareHostCorpus(options);
    const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
    return { binds: [`${folder}:${otherCorpus}`], note: `, ${folder} mounted`, remove };
  }
  if (place === 'volume') {
    const name = `norn-attack-${options.id}`;
    await docker.createVolume({ Name: name, Labels: { 'norn.attack': 'true' } });
    const remove = async (): Promise<void> => {
      await docker.getVolume(name).remove({ force: true });
    };
    return { binds: [`${name}:${otherCorpus}`], note: `, volume ${name}`, remove };
  }
  return { binds: [], note: '', remove: () => Promise.resolve() };
}

const mounting = { CapAdd: ['SYS_ADMIN'], SecurityOpt: ['seccomp=unconfined', 'apparmor=unconfined'] };

async function createContainer(
  docker: Docker,
  image: string,
  { id, binds, mayMount }: Pick<StageOptions, 'id' | 'mayMount'> & { binds: readonly string[] },
): Promise<Docker.Container> {
  const container = await docker.createContainer({
    name: `norn-attack-${id}`,
    Image: image,
    Cmd: ['/bin/norn-attack', 'hold'],
    Labels: { 'norn.attack': 'true' },
    HostConfig: { NetworkMode: 'none', Binds: [...binds], ...(mayMount ? mounting : {}) },
  });
  await container.start();
  return container;
}

async function ensureImage(docker: Docker, image: string, options: StageOptions): Promise<void> {
  const known = await docker.listImages({ filters: { reference: [image] } });
  if (known.length > 0) return;
  const folder = join(options.workDir, `rootfs-${options.id}`);
  await mkdir(folder, { recursive: true });
  try {
    await buildRootfs(folder, options);
    // The old formats know no nanoseconds, attributes, ACLs and capabilities.
    const whole = ['--format=pax', '--xattrs', '--xattrs-include=*', '--numeric-owner'];
    const tar = spawn('tar', ['-C', folder, ...whole, '-cf', '-', '.'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [repo = repository, tag = 'latest'] = image.split(':');
    await buffer(await docker.importImage(tar.stdout, { repo, tag }));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** dockerode's types leave its transport open. */
interface Demultiplexer {
  demuxStream(stream: NodeJS.ReadableStream, out: PassThrough, problems: PassThrough): void;
}

async function exec(container: Docker.Container, command: string[]): Promise<string> {
  const started = await container.exec({ Cmd: command, AttachStdout: true, AttachStderr: true });
  const { code, out, problems } = await endOf(container, started);
  if (code !== 0) throw new NornError('attack_failed', `${command.join(' ')} ended with ${String(code)}: ${problems}`);
  return out;
}

const startWithinMs = 10_000;

async function startIn(container: Docker.Container, command: readonly string[]): Promise<Started> {
  const started = await container.exec({ Cmd: [...command], AttachStdout: true, AttachStderr: true });
  const ended = endOf(container, started).then(({ code, out, problems }): Ended => ({ code, printed: out + problems }));
  const deadline = Date.now() + startWithinMs;
  for (;;) {
    // Docker remembers the pid of a program that has ended.
    const { Pid: pid } = await started.inspect();
    if (pid > 0) return { pid, ended };
    if (Date.now() > deadline) throw new NornError('docker_failed', `Docker did not start ${command.join(' ')}`);
    await sleep(5);
  }
}

/** Starts it and waits for its end. */
async function endOf(
  container: Docker.Container,
  started: Docker.Exec,
): Promise<{ code: number | null; out: string; problems: string }> {
  const stream = await started.start({});
  const [out, problems] = [new PassThrough(), new PassThrough()];
  (container.modem as Demultiplexer).demuxStream(stream, out, problems);
  stream.once('end', () => {
    out.end();
    problems.end();
  });
  const [printed, complaint] = await Promise.all([buffer(out), buffer(problems)]);
  const { ExitCode: code } = await started.inspect();
  return { code, out: printed.toString(), problems: complaint.toString() };
}
