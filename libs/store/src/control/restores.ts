// Which restores of an alert stand, and which were undone.
import type { CommandRecord } from './entities/handling.ts';

type Restore = Pick<CommandRecord, 'id' | 'action' | 'state' | 'undoes' | 'filesChanged'>;

/** Commands whose verdicts about files tell nothing any more: restores that were undone, and what undid them. */
export function undoneIds(commands: readonly Pick<Restore, 'id' | 'state' | 'undoes'>[]): string[] {
  const undos = commands.filter(({ state, undoes }) => undoes !== '' && state === 'succeeded');
  return undos.flatMap(({ id, undoes }) => [id, undoes]);
}

/** Those that changed something and were not undone, in the order given. */
export function standingRestores<Command extends Restore>(commands: readonly Command[]): Command[] {
  const undone = undoneIds(commands);
  return commands.filter(
    ({ id, action, state, filesChanged }) =>
      action.startsWith('restore') && state === 'succeeded' && filesChanged > 0 && !undone.includes(id),
  );
}
