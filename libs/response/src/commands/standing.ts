// Which of an alert's commands stand, and which were undone.
import { actionOf } from './actions.ts';

/** What must be known of a command to say what it left. */
export interface KnownCommand {
  readonly id: string;
  readonly action: string;
  readonly state: string;
  /** Of an undo: the id of the restore that it undoes; else empty. */
  readonly undoes: string;
  /** Of a restore: files it put back or removed. */
  readonly filesChanged: number;
  /** 32 hex each. */
  readonly scopeUids: readonly string[];
}

type Restore = Omit<KnownCommand, 'scopeUids'>;

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
      actionOf(action)?.effect?.restores === true && state === 'succeeded' && filesChanged > 0 && !undone.includes(id),
  );
}

/** What the newest command about it has left: off the network, or on it. */
export function isIsolated(newestFirst: readonly Pick<Restore, 'action' | 'state'>[]): boolean {
  const done = newestFirst.filter(
    ({ action, state }) => actionOf(action)?.group === 'network' && state === 'succeeded',
  );
  return done[0]?.action === 'isolate';
}
