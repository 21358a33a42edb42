// What a command made of files, as counts and in words. "Succeeded" says only that the host did what it could.
import { create } from '@bufbuild/protobuf';
import { view } from '@norn/contracts';
import { actionOf } from '@norn/response';
import type { CommandRecord } from '@norn/store';
import { counted, waiting } from '../words.ts';

type Command = Pick<
  CommandRecord,
  'action' | 'state' | 'message' | 'filesChanged' | 'filesRemoved' | 'filesUnchanged' | 'filesLost' | 'filesConflict'
>;

export function countsOf(command: Command): view.FileCounts {
  const { filesChanged, filesRemoved, filesUnchanged, filesLost, filesConflict } = command;
  return create(view.FileCountsSchema, {
    restored: filesChanged - filesRemoved,
    removed: filesRemoved,
    unchanged: filesUnchanged,
    lost: filesLost,
    conflict: filesConflict,
  });
}

/** "whole", "part", "nothing"; empty of what is not over or puts no files back. */
export function outcomeOf(command: Command): string {
  if (command.state !== 'succeeded' || actionOf(command.action)?.group !== 'files') return '';
  if (leftBy(command) === 0) return 'whole';
  return command.filesChanged > 0 ? 'part' : 'nothing';
}

/** "0 of 22 files restored, 21 files wait for you, 1 lost"; what the host said where it is not about files. */
export function resultOf(command: Command): string {
  const { filesConflict, filesLost, filesRemoved, filesUnchanged } = command;
  const put = command.filesChanged - filesRemoved;
  const left = leftBy(command);
  if (outcomeOf(command) === '' || command.filesChanged + filesUnchanged + left === 0) return said(command);
  const undone = command.action === 'undo';
  const done = undone ? 'are again as the attack left them' : 'restored';
  const parts = put + left > 0 ? [`${put.toLocaleString('en')} of ${counted(put + left, 'file')} ${done}`] : [];
  if (filesRemoved > 0) parts.push(`${filesRemoved.toLocaleString('en')} removed`);
  if (filesUnchanged > 0) parts.push(`${filesUnchanged.toLocaleString('en')} unchanged`);
  parts.push(
    ...waiting(filesConflict, filesLost).map((part) =>
      part.replace(' files wait', ' wait').replace(' file waits', ' waits'),
    ),
  );
  return parts.join(', ');
}

function leftBy(command: Command): number {
  const told = command.filesLost + command.filesConflict;
  if (told + command.filesUnchanged > 0) return told;
  // Before commands kept counts, the message alone said of how many files they decided.
  const [, files] = /^(\d+) files? in \d+ ms$/.exec(command.message) ?? [];
  return Math.max(0, Number(files ?? 0) - command.filesChanged);
}

function said({ message }: Command): string {
  return message.replace(/\.$/, '');
}
