// `norn up --compose` and its end.
import { mkdirSync } from 'node:fs';
import { NornError } from '@norn/base';
import { provideImage } from '../images/build.ts';
import { requireDocker } from '../images/docker.ts';
import type { ImageName } from '../images/recipes.ts';
import { write } from '../print/columns.ts';
import { findInstallation, makeFolders, type Installation } from '../installation/installation.ts';
import { runTasks } from '../print/task-list.ts';
import { provideDocker } from './docker.ts';
import { handToImages, makeServiceSecrets } from './secrets.ts';
import { composeStack, type Stack } from './stack.ts';

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
    { title: 'Make the secrets', task: () => makeComposeSecrets(installation) },
    { title: 'Start', task: (_, task) => stack?.up((line) => (task.output = line)) },
  ]);
  write(`\nNorn runs as separate services. Console: ${await composeLoginLink(stack)}`);
  write('Stop: ./norn down --compose');
}

/** A one-time link into the console. */
export async function composeLoginLink(stack?: Stack): Promise<string> {
  const running = stack ?? (await composeStack(findInstallation()));
  // Compose tells of the container that it makes; the link is what is said last.
  return (await running.run('api', loginProgram)).trim().split('\n').at(-1) ?? '';
}

async function makeComposeSecrets(installation: Installation): Promise<void> {
  const folder = installation.path('compose', 'secrets');
  mkdirSync(installation.path('compose'), { recursive: true, mode: 0o700 });
  await makeServiceSecrets(folder, { ingest: ['ingest'], stores: () => [] });
  handToImages(folder);
}

export async function composeDown(erase: boolean): Promise<void> {
  await requireDocker();
  const stack = await composeStack(findInstallation());
  await stack.down(erase);
  write(erase ? 'Stopped; volumes removed' : 'Stopped; what was stored stays in its volumes (--erase removes them)');
}
