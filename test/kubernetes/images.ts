// What runs on the node: Norn's own images, a victim, and the program that holds a pod's namespaces. Nothing is pulled.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { provideImage } from '@norn/cli';
import { runCommand } from '@norn/embedded';
import { ensureImage } from '@norn/testkit';
import { buildSimulator } from '../attack/binary.ts';
import { provideAttackImage } from '../attack/docker-stage.ts';
import { pauseImage } from './cluster/node.ts';

/** Files of the victim's corpus. */
const files = 300;
const tell = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

export interface Images {
  readonly agent: string;
  readonly pipeline: string;
  readonly stores: string;
  readonly inside: string;
  readonly victim: string;
}

/** Builds what the local Docker does not have: a quarter of an hour on a machine that is new to them. */
export async function provideImages(): Promise<Images> {
  const base = await ensureImage();
  await buildPause(base);
  const [agent, inside] = [await provideImage('agent', tell), await provideImage('inside', tell)];
  return { ...(await providePipeline()), agent, inside, victim: await provideVictim() };
}

async function providePipeline(): Promise<Pick<Images, 'pipeline' | 'stores'>> {
  return { pipeline: await provideImage('pipeline', tell), stores: await provideImage('stores', tell) };
}

async function provideVictim(): Promise<string> {
  const workDir = mkdtempSync(join(tmpdir(), 'norn-victim-'));
  try {
    const id = randomBytes(4).toString('hex');
    return await provideAttackImage({ binary: await buildSimulator(tell), workDir, files, id });
  } finally {
    rmSync(workDir, { recursive: true, force: true });
  }
}

async function buildPause(base: string): Promise<void> {
  const context = mkdtempSync(join(tmpdir(), 'norn-pause-'));
  try {
    writeFileSync(join(context, 'Dockerfile'), `FROM ${base}\nCMD ["/bin/busybox", "sleep", "2147483647"]\n`);
    const env = { ...process.env, DOCKER_BUILDKIT: '0' };
    await runCommand('docker', ['build', '--quiet', '--tag', pauseImage, context], { env });
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}
