// Actions that put files back, and the one that takes that back.
import { counted } from '@norn/base';
import type { AlertAction, Button, Situation } from './alert-action.ts';

/** Names in a sentence; one more is no shorter as "1 more". */
const NAMES_MAX = 3;

/** "bash", "bash and python3", "bash, python3 and 3 more". */
function listed(names: readonly string[]): string {
  const distinct = [...new Set(names)];
  const shown = distinct.length > NAMES_MAX + 1 ? distinct.slice(0, NAMES_MAX) : distinct;
  const more = distinct.length - shown.length;
  const last = more > 0 ? `${String(more)} more` : shown.at(-1);
  const first = more > 0 ? shown : shown.slice(0, -1);
  return first.length > 0 ? `${first.join(', ')} and ${last ?? ''}` : (last ?? '');
}

export const restore: AlertAction = {
  role: 'responder',
  group: 'files',
  about: 'restored',
  effect: { restores: true },
  act: () => ({ case: 'restore', value: {} }),
  words: { deed: 'restore the files', route: 'Puts back what the attack changed' },
  icon: 'undo',
  button: ({ where, program, filesTotal, filesDecided, restored, blamedBeside }) => {
    const who = listed(restored) || program || 'the attack';
    const left = blamedBeside.length > 0 ? ` What ${listed(blamedBeside)} did is left as it is.` : '';
    const what = filesTotal > 0 ? counted(filesTotal, 'file') : 'files';
    return {
      label: filesDecided > 0 ? 'Restore again' : `Restore ${what}`,
      consequence:
        `Puts back content, mode, owner and times of every file that ${who} and its children changed ${where}, ` +
        `and removes what they made. Files that somebody else changed later are left alone.${left}`,
      reason: '',
    };
  },
  cli: {
    command: 'restore',
    description: 'Undo every change the attack made to files; exits with 1 when some wait for you or are lost',
  },
};

export const restoreConflicts: AlertAction = {
  role: 'responder',
  group: 'files',
  takes: 'paths',
  about: 'restored before',
  effect: { restores: true },
  act: ({ paths }) => ({ case: 'restore', value: { overConflicts: true, paths: [...paths] } }),
  words: {
    deed: 'put back the files in conflict',
    noun: 'decision about the conflicts',
    route: 'Puts back files in conflict all the same: all, or those whose path is given',
  },
  icon: 'conflict',
  button: ({ where, filesConflict }) => {
    if (filesConflict === 0) return undefined;
    const what = filesConflict === 1 ? 'the file' : `the ${counted(filesConflict, 'file')}`;
    return {
      label: `Put back ${counted(filesConflict, 'conflict')}`,
      consequence:
        `Puts back ${what} ${where} that somebody else changed after the attack, as before the attack. ` +
        `What they made of it since is replaced; an undo brings it back. The list of files can do it for one alone.`,
      reason: '',
    };
  },
  cli: {
    command: 'restore',
    option: '--over-conflicts',
    description:
      'files that somebody else changed since are put back too: all, or those named (undo brings back what is replaced)',
    alone: "--over-conflicts decides about the attack's files: give it without --container and --cold",
  },
};

export const restoreBlamed: AlertAction = {
  role: 'responder',
  group: 'files',
  effect: { restores: true },
  act: () => ({ case: 'restore', value: {} }),
  words: {
    deed: 'take back what everybody did whom the alert blames',
    noun: 'restore of all that the alert blames',
    route: 'Takes back what everybody did whom the alert blames, those too whom the policy does not act on',
  },
  icon: 'undo',
  button: ({ where, blamedBeside, restored }) => {
    if (blamedBeside.length === 0) return undefined;
    const all = listed([...restored, ...blamedBeside]);
    return {
      label: 'Restore all that is blamed',
      consequence:
        `Takes back what ${all} and their children did ${where}: every file that one of them made is removed, attacked or not, ` +
        `and what still runs of them is frozen. The policy does not act on ${listed(blamedBeside)}: findings only tell of it. It can be undone.`,
      reason: '',
    };
  },
  cli: {
    command: 'restore',
    option: '--blamed',
    description:
      'what everybody did whom the alert blames, a shell or a session too that findings only tell of; says first who that is',
    alone: '--blamed is a restore of its own: give it without the other options',
    notOffered: (alert) =>
      `Alert ${alert} blames nobody beside those whose work a restore takes back: leave --blamed out`,
  },
};

/** Nothing to offer where there is no container. */
const ofContainer =
  (button: (situation: Situation) => Omit<Button, 'reason'>) =>
  (situation: Situation): Button | undefined =>
    situation.containerId === '' ? undefined : { ...button(situation), reason: '' };

export const restoreContainer: AlertAction = {
  role: 'responder',
  group: 'files',
  needsContainer: true,
  about: 'restored',
  effect: { restores: true, wholeContainer: true },
  act: () => ({ case: 'restore', value: { wholeContainer: true } }),
  words: {
    deed: 'restore the whole container',
    noun: 'restore of the whole container',
    route: 'Brings the whole container to what it was before the attack',
  },
  icon: 'container',
  button: ofContainer(({ where }) => ({
    label: 'Restore the whole container',
    consequence:
      `Puts back every file ${where} as it was before the attack's first change, whoever changed it since. ` +
      `Its other processes go on running, and it can be undone.`,
  })),
  cli: {
    command: 'restore',
    option: '--container',
    description: "the whole container, as it was before the attack's first change, whoever changed it",
  },
};

export const restoreContainerCold: AlertAction = {
  role: 'responder',
  group: 'files',
  needsContainer: true,
  about: 'restored',
  effect: { restores: true, wholeContainer: true, endsContainer: true },
  act: () => ({ case: 'restore', value: { wholeContainer: true, cold: true } }),
  words: {
    deed: 'stop the container, restore it and start it again',
    noun: 'restore of the stopped container',
    route: 'Stops the container, brings it to what it was before the attack, and starts it again',
  },
  icon: 'container',
  button: ofContainer(({ where }) => ({
    label: 'Stop, restore, start again',
    consequence:
      `Ends every process ${where}, puts back every file as it was before the attack's first change, and starts the container again. ` +
      `Nothing of the attack stays in memory. Containers of Docker only.`,
  })),
  cli: {
    command: 'restore',
    option: '--cold',
    description: 'the same, with the container stopped meanwhile and started again after (Docker)',
  },
};

export const undo: AlertAction = {
  role: 'responder',
  group: 'files',
  about: 'standing restore',
  act: ({ undoes }) => ({ case: 'restore', value: { undoCommandId: undoes } }),
  words: {
    deed: 'undo the restore',
    noun: 'undo of the restore',
    route: 'Undoes the newest restore: the files are again as the attack left them',
  },
  icon: 'redo',
  button: ({ where, isRestored }) =>
    isRestored
      ? {
          label: 'Undo the restore',
          consequence: `Takes back the newest restore ${where}: the files are again as the attack left them. Files that somebody changed since are left alone.`,
          reason: '',
        }
      : undefined,
  cli: {
    command: 'undo',
    description: 'Undo the newest restore: the files are again as the attack left them; exits like restore',
  },
};
