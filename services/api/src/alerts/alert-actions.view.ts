// What a person may do about an alert now: the button, what it will do to what, and why not.
import { create } from '@bufbuild/protobuf';
import { view } from '@norn/contracts';
import { type Role, isolating, restoring } from '@norn/store';
import { type Attack, type Place, filesDecided } from '../model/attack/attack.ts';
import { roleReaches } from '../access/roles.ts';
import type { RestoreScopes } from './restore-scopes.ts';
import { baseName, counted, shortId } from '../model/words.ts';

export type AlertAction =
  | 'restore'
  | 'restore-blamed'
  | 'restore-container'
  | 'restore-container-cold'
  | 'restore-conflicts'
  | 'undo'
  | 'kill'
  | 'kill-container'
  | 'isolate'
  | 'rejoin'
  | 'release'
  | 'archive';

/** The least role that may take an action. */
export const actionRoles: Readonly<Record<AlertAction, Role>> = {
  restore: 'responder',
  'restore-blamed': 'responder',
  'restore-container': 'responder',
  'restore-container-cold': 'responder',
  'restore-conflicts': 'responder',
  undo: 'responder',
  kill: 'responder',
  'kill-container': 'responder',
  isolate: 'responder',
  rejoin: 'responder',
  release: 'responder',
  archive: 'analyst',
};

/** Names in a sentence; one more is no shorter as "1 more". */
const NAMES_MAX = 3;

export interface Situation extends RestoreScopes {
  readonly attack: Attack;
  readonly place: Place;
  readonly role: Role;
  readonly runningProcesses: number;
  /** Of these it is not known whether they run. */
  readonly unknownProcesses: number;
  /** Unix ms, when the host said last what runs; 0: never. */
  readonly knownAt: number;
  /** The container that it happened in is gone. */
  readonly containerEnded: boolean;
  /** Actions that are on their way to the host. */
  readonly underWay: ReadonlySet<string>;
  readonly filesTotal: number;
  /** A restore stands that can be undone. */
  readonly isRestored: boolean;
  /** A command has taken its container off the network, and none has let it back. */
  readonly isIsolated: boolean;
}

export function actionsOf(situation: Situation): view.ActionView[] {
  const all = [
    ...[restore, kill, isolate, killContainer],
    ...[restoreConflicts, restoreBlamed, restoreContainer, restoreStoppedContainer, undo, release, archive],
  ];
  const drafts = all.flatMap((draft) => draft(situation) ?? []);
  return drafts.map((draft) => guarded(draft, situation));
}

interface Draft {
  readonly action: AlertAction;
  readonly label: string;
  readonly consequence: string;
  /** Why it can't be done now; empty when it can. */
  readonly reason: string;
}

function guarded(draft: Draft, { role, underWay }: Situation): view.ActionView {
  const needed = actionRoles[draft.action];
  const reason = !roleReaches(role, needed)
    ? `You are ${role}; this needs the role ${needed}. Ask an administrator of your tenant.`
    : rivalsOf(draft.action).some((action) => underWay.has(action))
      ? 'It is on its way to the host already.'
      : draft.reason;
  return create(view.ActionViewSchema, { ...draft, reason, enabled: reason === '' });
}

/** Of those that put files back, and of those that take off the network or let back, one at a time. */
function rivalsOf(action: AlertAction): readonly string[] {
  return [restoring, isolating].find((group) => group.some((name) => name === action)) ?? [action];
}

function where({ attack, place }: Situation): string {
  const { containerId } = attack.alert;
  if (containerId === '') return `on ${place.hostName || attack.handling.hostId}`;
  return `in container ${place.containerName || shortId(containerId)} (${shortId(containerId)})`;
}

function restore(situation: Situation): Draft {
  const { attack, filesTotal, restored, blamedBeside } = situation;
  const who = listed(restored) || baseName(attack.alert.processName) || 'the attack';
  const left = blamedBeside.length > 0 ? ` What ${listed(blamedBeside)} did is left as it is.` : '';
  const what = filesTotal > 0 ? counted(filesTotal, 'file') : 'files';
  const again = filesDecided(attack.handling) > 0;
  return {
    action: 'restore',
    label: again ? 'Restore again' : `Restore ${what}`,
    consequence:
      `Puts back content, mode, owner and times of every file that ${who} and its children changed ${where(situation)}, ` +
      `and removes what they made. Files that somebody else changed later are left alone.${left}`,
    reason: '',
  };
}

function restoreBlamed(situation: Situation): Draft | undefined {
  const { blamedBeside, restored } = situation;
  if (blamedBeside.length === 0) return undefined;
  const all = listed([...restored, ...blamedBeside]);
  return {
    action: 'restore-blamed',
    label: 'Restore all that is blamed',
    consequence:
      `Takes back what ${all} and their children did ${where(situation)}: every file that one of them made is removed, attacked or not, ` +
      `and what still runs of them is frozen. The policy does not act on ${listed(blamedBeside)}: findings only tell of it. It can be undone.`,
    reason: '',
  };
}

/** "bash", "bash and python3", "bash, python3 and 3 more". */
function listed(names: readonly string[]): string {
  const distinct = [...new Set(names)];
  const shown = distinct.length > NAMES_MAX + 1 ? distinct.slice(0, NAMES_MAX) : distinct;
  const more = distinct.length - shown.length;
  const last = more > 0 ? `${String(more)} more` : shown.at(-1);
  const first = more > 0 ? shown : shown.slice(0, -1);
  return first.length > 0 ? `${first.join(', ')} and ${last ?? ''}` : (last ?? '');
}

function restoreContainer(situation: Situation): Draft | undefined {
  if (situation.attack.alert.containerId === '') return undefined;
  return {
    action: 'restore-container',
    label: 'Restore the whole container',
    consequence:
      `Puts back every file ${where(situation)} as it was before the attack's first change, whoever changed it since. ` +
      `Its other processes go on running, and it can be undone.`,
    reason: '',
  };
}

function restoreStoppedContainer(situation: Situation): Draft | undefined {
  if (situation.attack.alert.containerId === '') return undefined;
  return {
    action: 'restore-container-cold',
    label: 'Stop, restore, start again',
    consequence:
      `Ends every process ${where(situation)}, puts back every file as it was before the attack's first change, and starts the container again. ` +
      `Nothing of the attack stays in memory. Containers of Docker only.`,
    reason: '',
  };
}

function restoreConflicts(situation: Situation): Draft | undefined {
  const { filesConflict } = situation.attack.handling;
  if (filesConflict === 0) return undefined;
  const what = filesConflict === 1 ? 'the file' : `the ${counted(filesConflict, 'file')}`;
  return {
    action: 'restore-conflicts',
    label: `Put back ${counted(filesConflict, 'conflict')}`,
    consequence:
      `Puts back ${what} ${where(situation)} that somebody else changed after the attack, as before the attack. ` +
      `What they made of it since is replaced; an undo brings it back. The list of files can do it for one alone.`,
    reason: '',
  };
}

function undo(situation: Situation): Draft | undefined {
  if (!situation.isRestored) return undefined;
  return {
    action: 'undo',
    label: 'Undo the restore',
    consequence: `Takes back the newest restore ${where(situation)}: the files are again as the attack left them. Files that somebody changed since are left alone.`,
    reason: '',
  };
}

/** Only where something is there to be killed, or nobody knows. */
function kill(situation: Situation): Draft | undefined {
  const { runningProcesses: running, unknownProcesses: unknown } = situation;
  if (running + unknown === 0) return undefined;
  const what = counted(running, 'process', 'processes');
  const who = `${baseName(situation.attack.alert.processName)} and everything it started`;
  if (running === 0) {
    const since =
      situation.knownAt === 0
        ? ''
        : ` since ${new Date(situation.knownAt).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
    return {
      action: 'kill',
      label: 'Kill what still runs',
      consequence: `Kills ${who} ${where(situation)}.`,
      reason: `It is not known${since} whether any of it runs: the host does not answer.`,
    };
  }
  return {
    action: 'kill',
    label: `Kill ${what}`,
    consequence: `Freezes, then kills ${what} ${where(situation)}: ${who}. Other processes go on.`,
    reason: '',
  };
}

function killContainer(situation: Situation): Draft | undefined {
  const { attack, place, containerEnded } = situation;
  if (attack.alert.containerId === '' || containerEnded) return undefined;
  const after =
    place.podName === '' ? '' : ` Kubernetes may start it anew in pod ${place.podNamespace}/${place.podName}.`;
  return {
    action: 'kill-container',
    label: 'Kill the container',
    consequence: `Freezes, then kills every process ${where(situation)}, the attack's or not.${after} Other containers go on.`,
    reason: '',
  };
}

/** Or what takes it back. */
function isolate({ attack, place, isIsolated, containerEnded }: Situation): Draft | undefined {
  const { containerId } = attack.alert;
  // A pod outlives its container.
  if (containerId === '' || (containerEnded && place.podName === '' && !isIsolated)) return undefined;
  const inPod = place.podName !== '';
  const who = inPod
    ? `pod ${place.podNamespace}/${place.podName}`
    : `container ${place.containerName || shortId(containerId)}`;
  if (isIsolated) {
    const consequence = `Lets ${who} back onto the network, as it was before.`;
    return { action: 'rejoin', label: 'Lift the isolation', consequence, reason: '' };
  }
  const probes = inPod ? ' Probes by network fail: Kubernetes may start its containers anew.' : '';
  return {
    action: 'isolate',
    label: inPod ? 'Isolate the pod' : 'Isolate the container',
    consequence:
      `Drops every packet to and from ${who}, those of connections that stand too, until the isolation is lifted. ` +
      `Its processes go on. The host and all others keep their network.${probes}`,
    reason: '',
  };
}

function release(situation: Situation): Draft {
  const released = situation.attack.handling.state === 'released';
  return {
    action: 'release',
    label: 'Release',
    consequence: `Lets what is frozen ${where(situation)} run on, restores nothing, and never acts on this evidence again. For false alarms.`,
    reason: released ? 'It is released already.' : '',
  };
}

function archive({ attack }: Situation): Draft {
  return {
    action: 'archive',
    label: 'Archive',
    consequence:
      'Takes the alert off the list of what is open. Nothing happens on the host; the alert and its evidence stay.',
    reason: attack.handling.state === 'archived' ? 'It is archived already.' : '',
  };
}
