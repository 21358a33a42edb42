// What a person may do about an alert now: the button, what it will do to what, and why not.
import { create } from '@bufbuild/protobuf';
import { view } from '@norn/contracts';
import { type ActionName, type AlertAction, type Button, actionNames, alertActions, rivalsOf } from '@norn/response';
import type { Role } from '@norn/store';
import { roleReaches } from '../access/roles.ts';
import { type Attack, type Place, filesDecided, isOfHost } from '../model/attack/attack.ts';
import { baseName, shortId } from '../model/words.ts';
import type { RestoreScopes } from './restore-scopes.ts';

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
  /** A command has taken it off the network, and none has let it back. */
  readonly offTheNetwork: { readonly container: boolean; readonly host: boolean };
}

/** Those that the alert's page offers, in the order of the table. */
export function actionsOf(situation: Situation): view.ActionView[] {
  const { attack, place, ...known } = situation;
  const { alert, handling } = attack;
  const { state, filesConflict } = handling;
  const { containerName, podName, podNamespace } = place;
  const shown = {
    ...known,
    ...{ state, filesConflict, containerName, podName, podNamespace },
    where: where(situation),
    hostName: hostName(situation),
    containerId: alert.containerId,
    program: baseName(alert.processName),
    filesDecided: filesDecided(handling),
  };
  return actionNames.flatMap((name) => {
    const { button, act, effect }: AlertAction = alertActions[name];
    // Where nobody is blamed there is nobody's work to take back, and nobody to kill.
    const hasObject = act === undefined || effect?.network?.of === 'host' || !isOfHost(attack);
    const offered = hasObject ? button?.(shown) : undefined;
    return offered === undefined ? [] : [actionView(name, offered, situation)];
  });
}

function actionView(name: ActionName, button: Button, situation: Situation): view.ActionView {
  const row: AlertAction = alertActions[name];
  const looks = { icon: row.icon ?? '', isGrave: row.isGrave === true };
  const reason = reasonOf(name, button, situation);
  return create(view.ActionViewSchema, { ...button, ...looks, action: name, reason, enabled: reason === '' });
}

/** Why it can't be done now; empty when it can. */
function reasonOf(name: ActionName, { reason }: Button, { attack, role, underWay }: Situation): string {
  const { role: needed, closedIn = [] }: AlertAction = alertActions[name];
  const { state } = attack.handling;
  if (needed !== undefined && !roleReaches(role, needed))
    return `You are ${role}; this needs the role ${needed}. Ask an administrator of your tenant.`;
  if (rivalsOf(name).some((action) => underWay.has(action))) return 'It is on its way to the host already.';
  return closedIn.includes(state) ? `It is ${state} already.` : reason;
}

function hostName({ attack, place }: Situation): string {
  return place.hostName || attack.handling.hostId;
}

function where(situation: Situation): string {
  const { attack, place } = situation;
  const { containerId } = attack.alert;
  if (containerId === '') return `on ${hostName(situation)}`;
  return `in container ${place.containerName || shortId(containerId)} (${shortId(containerId)})`;
}
