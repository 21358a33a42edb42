// What may be done about an alert: one table with a row per action. Routes, buttons, commands of the CLI and the state machine derive from it.
import type { ActDetails, AlertAction, CommandAct } from './alert-action.ts';
import {
  restore,
  restoreBlamed,
  restoreConflicts,
  restoreContainer,
  restoreContainerCold,
  undo,
} from './restore-actions.ts';
import {
  archive,
  isolate,
  isolateHost,
  kill,
  killContainer,
  rejoin,
  rejoinHost,
  release,
  suspend,
} from './stop-actions.ts';

/** In the order in which a page offers them. */
export const alertActions = {
  restore,
  kill,
  isolate,
  rejoin,
  'kill-container': killContainer,
  'isolate-host': isolateHost,
  'rejoin-host': rejoinHost,
  'restore-conflicts': restoreConflicts,
  'restore-blamed': restoreBlamed,
  'restore-container': restoreContainer,
  'restore-container-cold': restoreContainerCold,
  undo,
  release,
  archive,
  suspend,
} as const satisfies Readonly<Record<string, AlertAction>>;

export type ActionName = keyof typeof alertActions;

export const actionNames = Object.keys(alertActions) as readonly ActionName[];

/** Undefined for a name that is in no row, as of a command that another Norn issued. */
export function actionOf(name: string): AlertAction | undefined {
  return Object.hasOwn(alertActions, name) ? alertActions[name as ActionName] : undefined;
}

/** Those of which only one is on its way at a time, itself among them. */
export function rivalsOf(name: ActionName): readonly string[] {
  const { group }: AlertAction = alertActions[name];
  return group === undefined ? [name] : actionNames.filter((each) => actionOf(each)?.group === group);
}

/** What the action is to a host. Throws for one that does nothing there. */
export function actOf(name: ActionName, details: Partial<ActDetails> = {}): CommandAct {
  const { act }: AlertAction = alertActions[name];
  if (act === undefined) throw new RangeError(`Action ${name} is none of a host's`);
  return act({ paths: [], undoes: '', ...details });
}
