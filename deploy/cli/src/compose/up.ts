// `norn up --compose` and its end.
import { mkdirSync } from 'node:fs';
import { NornError } from '@norn/base';
import { provideImage } from '../images/build.ts';
import { requireDocker } from '../images/docker.ts';
import type { ImageName } from '../images/recipes.ts';
import { note, write } from '../print/columns.ts';
import { findInstallation, makeFolders, type Installation } from '../installation/installation.ts';
import { runTasks } from '../print/task-list.ts';
import { provideDocker } from './docker.ts';
import { handToImages, makeServiceSecrets } from './secrets.ts';
import { composeStack, type Stack } from './stack.ts';
import { lostText } from './store-certificates.ts';

const images: readonly ImageName[] = ['pipeline', 'stores'];
const loginProgram = '/norn/deploy/prepare/src/login.main.ts';

export async function composeUp(): Promise<void> {
  if (process.getuid?.() !== 0) {
    throw new NornError(
      'machine_unusable',
      'Secrets are handed to the user of the images, which needs root: sudo ./norn up --compose',
    );
  }
  const installation = findInstallation();
  let stack: Stack | undefined;
  let lost = '';
  await runTasks(() => [
    {
      title: 'Check the machine',
      task: async (_, task) => {
        await provideDocker((line) => (task.output = line));
        makeFolders(installation);
        stack = await composeStack(installation);
      },
    },
    {
      title: 'Build the images',
      task: async (_, task) => {
        for (const name of images) await provideImage(name, (line) => (task.output = `${name}: ${line}`));
      },
    },
    {
      title: 'Make the secrets',
      task: async () => {
        lost = await makeComposeSecrets(installation);
      },
    },
    { title: 'Start', task: (_, task) => stack?.up((line) => (task.output = line)) },
  ]);
  if (lost !== '') note(lost);
  write(`\nNorn runs as separate services. Console: ${await composeLoginLink(stack)}`);
  write('Stop: ./norn down --compose');
}

/** A one-time link into the console. */
export async function composeLoginLink(stack?: Stack): Promise<string> {
  const running = stack ?? (await composeStack(findInstallation()));
  // Compose tells of the container that it makes; the link is what is said last.
  return (await running.run('api', loginProgram)).trim().split('\n').at(-1) ?? '';
}

/** What was lost of what was there, for people; empty: nothing. */
async function makeComposeSecrets(installation: Installation): Promise<string> {
  const folder = installation.path('compose', 'secrets');
  mkdirSync(installation.path('compose'), { recursive: true, mode: 0o700 });
  const lost = await makeServiceSecrets(folder, { ingest: ['ingest'], stores: () => [] });
  handToImages(folder);
  return lostText(folder, lost);
}

export async function composeDown(erase: boolean): Promise<void> {
  await requireDocker();
  const stack = await composeStack(findInstallation());
  await stack.down(erase);
  write(erase ? 'Stopped; volumes removed' : 'Stopped; what was stored stays in its volumes (--erase removes them)');
}
