// Which restores of an alert stand, and which were undone.
import { type CommandRecord, restoring } from '@norn/store';

type Restore = Pick<CommandRecord, 'id' | 'action' | 'state' | 'undoes'>;

/** Commands whose verdicts about files tell nothing any more: restores that were undone, and what undid them. */
export function undoneIds(commands: readonly Restore[]): string[] {
  const undos = commands.filter(({ action, state }) => action === 'undo' && state === 'succeeded');
  return undos.flatMap(({ id, undoes }) => [id, undoes]);
}

/** A restore stands that can be undone. */
export function isRestored(commands: readonly Restore[]): boolean {
  const undone = undoneIds(commands);
  return commands.some(
    ({ id, action, state }) => restoring.includes(action) && state === 'succeeded' && !undone.includes(id),
  );
}
