// An attack in a Docker container of an image made here (nothing is pulled).
import { spawn } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { PassThrough } from 'node:stream';
import { NornError } from '@norn/base';
import Docker from 'dockerode';
import { buildRootfs, imageCorpus, imageTag } from './rootfs.ts';
import type { Stage, StageOptions } from './stage.ts';

const repository = 'norn/attack';

export async function dockerAnswers(): Promise<boolean> {
  return new Docker().ping().then(
    () => true,
    () => false,
  );
}

export async function openDockerStage(options: StageOptions): Promise<Stage> {
  const docker = new Docker();
  const image = `${repository}:${await imageTag(options)}`;
  await ensureImage(docker, image, options);
  const name = `norn-attack-${options.id}`;
  const container = await docker.createContainer({
    name,
    Image: image,
    Cmd: ['/bin/norn-attack', 'hold'],
    Labels: { 'norn.attack': 'true' },
    HostConfig: { NetworkMode: 'none' },
  });
  await container.start();
  return {
    description: `container ${container.id.slice(0, 12)} (${name}, image ${image})`,
    containerId: container.id,
    corpus: imageCorpus,
    ask: (args) => exec(container, ['/bin/norn-attack', ...args]),
    launch: async (line) => {
      const started = await container.exec({ Cmd: ['/bin/sh', '-c', line] });
      // Docker keeps the connection of a detached start open, and that would keep this process from ending.
      (await started.start({ Detach: true })).destroy();
    },
    close: () => container.remove({ force: true }),
  };
}

async function ensureImage(docker: Docker, image: string, options: StageOptions): Promise<void> {
  const known = await docker.listImages({ filters: { reference: [image] } });
  if (known.length > 0) return;
  const folder = join(options.workDir, `rootfs-${options.id}`);
  await mkdir(folder, { recursive: true });
  try {
    await buildRootfs(folder, options);
    const tar = spawn('tar', ['-C', folder, '--numeric-owner', '-cf', '-', '.'], {
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
  const stream = await started.start({});
  const [out, problems] = [new PassThrough(), new PassThrough()];
  (container.modem as Demultiplexer).demuxStream(stream, out, problems);
  stream.once('end', () => {
    out.end();
    problems.end();
  });
  const [printed, complaint] = await Promise.all([buffer(out), buffer(problems)]);
  const { ExitCode: code } = await started.inspect();
  if (code !== 0)
    throw new NornError('attack_failed', `${command.join(' ')} ended with ${String(code)}: ${complaint.toString()}`);
  return printed.toString();
}
