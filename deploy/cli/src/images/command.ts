// `norn images build`.
import { NornError } from '@norn/base';
import { Argument, type Command } from 'commander';
import { write } from '../print/columns.ts';
import { imageNames, type ImageName } from './recipes.ts';

interface Flags {
  readonly base?: string;
  readonly tag: string;
  readonly registry: string;
  readonly bills?: string;
}

export function registerImagesCommand(program: Command): void {
  const images = program.command('images').description('The container images of Norn, for compose and Kubernetes');
  images
    .command('build')
    .description('Build images with the local Docker')
    .addArgument(new Argument('[images...]', 'which; default: all').choices(imageNames))
    .option('--base <image>', 'base image; "debootstrap" makes one where none can be pulled (as root)')
    .option('--tag <tag>', 'tag', 'local')
    .option('--registry <prefix>', 'before the name, with its slash: registry.example/team/', '')
    .option('--bills <folder>', 'where bills of materials (CycloneDX) go')
    .action(async (names: ImageName[], flags: Flags) => {
      const { build } = await import('./build.ts');
      const { requireDocker } = await import('./docker.ts');
      const { runTasks } = await import('../print/task-list.ts');
      if (!/^[\w][\w.-]{0,127}$/.test(flags.tag)) throw new NornError('tag_invalid', `"${flags.tag}" can not be a tag`);
      await requireDocker();
      const wanted = names.length > 0 ? names : imageNames;
      const built: string[] = [];
      await runTasks(() =>
        wanted.map((name) => ({
          title: name,
          task: async (_, task) => {
            built.push(await build(name, flags, (line) => (task.output = line)));
          },
        })),
      );
      write(built.join('\n'));
    });
}
