// How a command and its alert move from state to state. Nothing goes back: a message that comes late or twice finds its effect done.
import { action } from '@norn/contracts';
import { actionOf } from './actions.ts';
import type { AlertState } from './alert-state.ts';
import { undoneIds } from './standing.ts';

export type CommandState =
  'requested' | 'dispatched' | 'delivered' | 'running' | 'succeeded' | 'failed' | 'expired' | 'cancelled';

const { OutcomeState } = action;

const ranks: Readonly<Record<CommandState, number>> = {
  requested: 0,
  dispatched: 1,
  delivered: 2,
  running: 3,
  succeeded: 4,
  failed: 4,
  expired: 4,
  cancelled: 4,
};

export function isFinal(state: CommandState): boolean {
  return ranks[state] === 4;
}

/** From which an outcome that names `state` moves a command there. */
export function statesBefore(state: CommandState): CommandState[] {
  return (Object.keys(ranks) as CommandState[]).filter((each) => ranks[each] < ranks[state]);
}

/** The state that an outcome names; undefined when it says nothing about the state. */
export function stateNamed(outcome: action.Outcome): CommandState | undefined {
  switch (outcome.state) {
    case OutcomeState.DELIVERED:
      return 'delivered';
    case OutcomeState.RUNNING:
      return 'running';
    case OutcomeState.SUCCEEDED:
      return 'succeeded';
    case OutcomeState.FAILED:
      return 'failed';
    case OutcomeState.EXPIRED:
      return 'expired';
    case OutcomeState.REFUSED:
      // "I have this one already" answers a second dispatch; what came of the first is another message.
      return outcome.code === 'replayed' ? 'delivered' : 'failed';
    case OutcomeState.UNSPECIFIED:
      return undefined;
  }
}

/** The next state, or undefined when the command stays as it is. */
export function nextState(current: CommandState, named: CommandState | undefined): CommandState | undefined {
  if (named === undefined) return undefined;
  // The sweeper could only guess that nobody would run it; the host knows.
  if (current === 'expired' && (named === 'succeeded' || named === 'failed')) return named;
  return ranks[named] > ranks[current] ? named : undefined;
}

export interface CommandSummary {
  readonly id: string;
  readonly action: string;
  /** Of an undo: the id of the restore that it undoes. */
  readonly undoes: string;
  /** Of a restore: files it put back or removed. */
  readonly filesChanged: number;
  readonly state: CommandState;
  /** Why it failed. */
  readonly code: string;
  readonly scopeUids: readonly string[];
}

/** What is decided about the attack's files. */
export interface FileState {
  readonly filesLost: number;
  readonly filesConflict: number;
}

/** The alert's state after its commands, oldest first. It is never better than the worst part of what came of them. */
export function alertStateAfter(
  current: AlertState,
  commands: readonly CommandSummary[],
  { filesLost, filesConflict }: FileState,
): AlertState {
  if (current === 'archived') return current;
  if (commands.some(({ state }) => !isFinal(state))) return 'responding';
  const last = commands.at(-1);
  if (last?.action === 'release' && last.state === 'succeeded') return 'released';
  const undone = undoneIds(commands);
  // One that found nothing to do says nothing of the files once another was undone.
  const stands = ({ id, filesChanged }: CommandSummary): boolean =>
    undone.length === 0 || (filesChanged > 0 && !undone.includes(id));
  const restores = commands.filter((each) => actionOf(each.action)?.effect?.restores === true && stands(each));
  if (restores.length > 0) {
    if (!restores.every((_, at) => isMadeGood(restores, at)) || killFailed(commands)) return 'failed';
    return filesLost + filesConflict > 0 ? 'stopped' : 'remediated';
  }
  if (last && last.state !== 'succeeded') return 'failed';
  return current === 'responding' ? 'open' : current;
}

/** It succeeded, or a later one of the same scopes did. */
function isMadeGood(restores: readonly CommandSummary[], at: number): boolean {
  const scopes = restores[at]?.scopeUids ?? [];
  const covers = ({ action: name, scopeUids }: CommandSummary): boolean =>
    actionOf(name)?.effect?.wholeContainer === true || scopes.every((scope) => scopeUids.includes(scope));
  return restores.slice(at).some((each) => each.state === 'succeeded' && covers(each));
}

/** The host was asked to kill and did not, and no later kill, nor what ends its container, ended what was meant. */
function killFailed(commands: readonly CommandSummary[]): boolean {
  return commands.some((kill, at) => {
    const { kills, endsContainer } = actionOf(kill.action)?.effect ?? {};
    // "no_scope": nobody was there to be killed.
    if (kills !== true || kill.state === 'succeeded' || kill.code === 'no_scope') return false;
    const ends = ({ action: name, scopeUids }: CommandSummary): boolean =>
      actionOf(name)?.effect?.endsContainer === true ||
      (name === kill.action && endsContainer !== true && kill.scopeUids.every((scope) => scopeUids.includes(scope)));
    return !commands.slice(at).some((each) => each.state === 'succeeded' && ends(each));
  });
}
