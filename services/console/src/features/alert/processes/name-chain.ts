// What a process is called: the images it ran, the last with its arguments.
import type { Process } from '../../../shared/api/views.ts';
import { baseName } from '../../../shared/format.ts';

interface Names {
  readonly before: readonly string[];
  readonly now: string;
  /** The arguments. */
  readonly rest: string;
}

export function nameChain({ images }: Process): Names {
  const all = images.map(({ path, commandLine }) => baseName(path) || (commandLine.split(' ')[0] ?? ''));
  const now = all.at(-1) ?? 'unknown';
  const line = images.at(-1)?.commandLine ?? '';
  return {
    before: all
      .slice(0, -1)
      .filter((name, index, names) => name !== names[index + 1])
      .slice(-3),
    now,
    rest: line.split(' ').slice(1).join(' '),
  };
}
