// Where an attack can play, and the way to a stage there: Docker for the first choice of container, else runc.
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, NornError } from '@norn/base';
import { installPackages } from '@norn/cli';
import { loadConfig, settings } from '@norn/config';
import { z } from 'zod';
import { buildSimulator } from './binary.ts';
import { dockerAnswers, openDockerStage } from './docker-stage.ts';
import { openHostStage } from './host-stage.ts';
import type { Tell } from './play.ts';
import { openRuncStage, runcAnswers } from './runc-stage.ts';
import type { ContainerPlace, Stage, StageOptions } from './stage.ts';

/** What each place is, in the order in which `--all` takes them. */
export const places = {
  image: "files of a container's image",
  upper: 'files born in a container',
  bind: 'a host directory mounted into a container',
  volume: 'a named volume of a container',
  host: 'a directory of this host',
} as const satisfies Record<ContainerPlace | 'host', string>;

export type Place = keyof typeof places;

export type OpenPlace = (place: Place, tell?: Tell) => Promise<Stage>;

/** Builds the simulator once; each stage has a corpus and an id of its own. */
export async function placeOpener(
  { files, mayMount = false }: Pick<StageOptions, 'files' | 'mayMount'>,
  tell: Tell,
): Promise<OpenPlace> {
  const { home } = loadConfig(z.object({ home: settings.home }));
  const workDir = join(home, 'run', 'attack');
  await mkdir(workDir, { recursive: true });
  const binary = await buildSimulator(tell);
  return (place, tellOfStage = () => undefined) =>
    openStage(place, { binary, workDir, files, mayMount, id: randomBytes(4).toString('hex') }, tellOfStage);
}

async function openStage(place: Place, options: StageOptions, tell: Tell): Promise<Stage> {
  if (place === 'host') return openHostStage(options);
  if (await dockerAnswers()) return openDockerStage(options, place);
  if (place === 'volume') throw new NornError('no_volumes', 'A named volume needs Docker: systemctl start docker');
  if (!(await runcAnswers())) await fetchRunc(tell);
  tell('Docker does not answer: using runc with a root of its own');
  return openRuncStage(options, place);
}

async function fetchRunc(tell: Tell): Promise<void> {
  tell('Installing runc: no container runtime answers');
  try {
    await installPackages(['runc'], () => undefined);
  } catch (error) {
    throw new NornError(
      'no_container_runtime',
      `Neither Docker nor runc answers: start Docker (systemctl start docker), or apt-get install runc, or use --host. ${messageOf(error)}`,
    );
  }
}
