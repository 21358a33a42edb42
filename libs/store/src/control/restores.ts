// Which of an alert's commands stand, and which were undone.
import { isolating, type CommandRecord } from './entities/handling.ts';

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

/** What the newest command about it has left: off the network, or on it. */
export function isIsolated(newestFirst: readonly Pick<CommandRecord, 'action' | 'state'>[]): boolean {
  const done = newestFirst.filter(({ action, state }) => isolating.includes(action) && state === 'succeeded');
  return done[0]?.action === 'isolate';
}
