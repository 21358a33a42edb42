// Which of an alert's commands stand, and which were undone.
import type { NetworkEffect } from './alert-action.ts';
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

type Finished = Pick<Restore, 'action' | 'state'> & { readonly finishedAt: Date | null };

/** What the newest command about each has left: off the network, or on it. */
export function offTheNetwork(newestFirst: readonly Finished[], now: Date): Record<NetworkEffect['of'], boolean> {
  return { container: isOff('container', newestFirst, now), host: isOff('host', newestFirst, now) };
}

function isOff(of: NetworkEffect['of'], newestFirst: readonly Finished[], now: Date): boolean {
  const effect = ({ action }: Finished): NetworkEffect | undefined => actionOf(action)?.effect?.network;
  const last = newestFirst.find((each) => each.state === 'succeeded' && effect(each)?.of === of);
  const left = last && effect(last);
  if (left?.isOff !== true) return false;
  return left.lastsMs === undefined || now.getTime() < (last?.finishedAt ?? now).getTime() + left.lastsMs;
}
