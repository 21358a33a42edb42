import { create } from '@bufbuild/protobuf';
import { action } from '@norn/contracts';
import {
  alertStateAfter,
  nextState,
  stateNamed,
  type CommandState,
  type CommandSummary,
  type FileState,
} from './states.ts';

const { OutcomeState } = action;

describe('a command', () => {
  it.each<[CommandState, CommandState, CommandState | undefined]>([
    ['requested', 'delivered', 'delivered'],
    ['dispatched', 'running', 'running'],
    ['requested', 'succeeded', 'succeeded'],
    ['running', 'delivered', undefined],
    ['running', 'running', undefined],
    ['succeeded', 'running', undefined],
    ['succeeded', 'failed', undefined],
    ['failed', 'succeeded', undefined],
    ['cancelled', 'succeeded', undefined],
    ['expired', 'running', undefined],
    ['expired', 'succeeded', 'succeeded'],
    ['expired', 'failed', 'failed'],
  ])('that is %s and hears %s becomes %s', (current, named, expected) => {
    expect(nextState(current, named)).toBe(expected);
  });

  it('fails when the host refuses it, but not when the host has it already', () => {
    const refusal = (code: string): action.Outcome =>
      create(action.OutcomeSchema, { state: OutcomeState.REFUSED, code });
    expect(stateNamed(refusal('bad_signature'))).toBe('failed');
    expect(stateNamed(refusal('replayed'))).toBe('delivered');
  });
});

describe('an alert', () => {
  const command = (action: string, state: CommandState, ...scopeUids: string[]): CommandSummary => ({
    id: `${action} ${scopeUids.join(' ')}`,
    action,
    state,
    scopeUids,
    undoes: '',
    code: '',
    filesChanged: action.startsWith('restore') && state === 'succeeded' ? 7 : 0,
  });
  const undo = (state: CommandState, undoes: CommandSummary): CommandSummary => ({
    ...command('undo', state),
    undoes: undoes.id,
  });
  const whole: FileState = { filesLost: 0, filesConflict: 0 };
  const restored = command('restore', 'succeeded', 'a');
  const wholly = command('restore-container', 'succeeded');

  it.each<[string, CommandSummary[], string]>([
    [
      'is responding while a command is under way',
      [command('restore', 'succeeded', 'a'), command('restore', 'running', 'b')],
      'responding',
    ],
    ['is remediated when its restore succeeded', [command('restore', 'succeeded', 'a')], 'remediated'],
    ['is failed when its restore expired', [command('restore', 'expired', 'a')], 'failed'],
    [
      'is failed when one of two restores of different scopes failed',
      [command('restore', 'failed', 'a'), command('restore', 'succeeded', 'b')],
      'failed',
    ],
    [
      'is remediated when a later restore covers the failed one',
      [command('restore', 'failed', 'a'), command('restore', 'succeeded', 'a', 'b')],
      'remediated',
    ],
    [
      'is released when that was the last word',
      [command('restore', 'succeeded', 'a'), command('release', 'succeeded', 'a')],
      'released',
    ],
    [
      'is remediated when the whole container was restored after a restore that failed',
      [command('restore', 'failed', 'a'), wholly],
      'remediated',
    ],
    ['is open again when its restore was undone', [restored, undo('succeeded', restored)], 'open'],
    [
      'is open again when another restore had found nothing to do',
      [restored, { ...command('restore', 'succeeded', 'b'), filesChanged: 0 }, undo('succeeded', restored)],
      'open',
    ],
    ['is remediated when the undo failed', [restored, undo('failed', restored)], 'remediated'],
    ['is remediated when one of two restores was undone', [restored, wholly, undo('succeeded', wholly)], 'remediated'],
    ['is open again when it was only killed', [command('kill', 'succeeded', 'a')], 'open'],
    ['is failed when the kill failed', [command('kill', 'failed', 'a')], 'failed'],
  ])('%s', (_sentence, commands, expected) => {
    expect(alertStateAfter('responding', commands, whole)).toBe(expected);
  });

  it.each<[string, CommandSummary[], FileState, string]>([
    [
      'is stopped when nothing was put back and all files are in conflict',
      [{ ...restored, filesChanged: 0 }],
      { filesLost: 0, filesConflict: 21 },
      'stopped',
    ],
    ['is stopped when most was put back and one file waits', [restored], { filesLost: 0, filesConflict: 1 }, 'stopped'],
    ['is stopped when one file is lost', [restored], { filesLost: 1, filesConflict: 0 }, 'stopped'],
    [
      'is responding while the conflicts are put back',
      [restored, command('restore-conflicts', 'running', 'a')],
      { filesLost: 0, filesConflict: 1 },
      'responding',
    ],
    ['is remediated when they were', [restored, command('restore-conflicts', 'succeeded', 'a')], whole, 'remediated'],
    [
      'is failed when putting them back failed',
      [restored, command('restore-conflicts', 'failed', 'a')],
      { filesLost: 0, filesConflict: 1 },
      'failed',
    ],
    [
      'is failed when one restore failed, whatever waits',
      [command('restore', 'failed', 'a')],
      { filesLost: 0, filesConflict: 1 },
      'failed',
    ],
    [
      'is failed when its restore expired and files wait',
      [command('restore', 'expired', 'a')],
      { filesLost: 3, filesConflict: 1 },
      'failed',
    ],
    [
      'is failed when the kill failed, though all files are back',
      [command('kill', 'failed', 'a'), restored],
      whole,
      'failed',
    ],
    [
      'is failed when the kill expired, though all files are back',
      [command('kill', 'expired', 'a'), restored],
      whole,
      'failed',
    ],
    [
      'is remediated when a later kill succeeded',
      [command('kill', 'failed', 'a'), restored, command('kill', 'succeeded', 'a')],
      whole,
      'remediated',
    ],
    [
      'is failed when the later kill was of something else',
      [command('kill', 'failed', 'a'), restored, command('kill', 'succeeded', 'b')],
      whole,
      'failed',
    ],
    [
      'is remediated when there was nobody to kill',
      [{ ...command('kill-container', 'failed'), code: 'no_scope' }, restored],
      whole,
      'remediated',
    ],
    [
      'is open again when the restore with conflicts was undone',
      [restored, undo('succeeded', restored)],
      { filesLost: 0, filesConflict: 1 },
      'open',
    ],
  ])('%s', (_sentence, commands, files, expected) => {
    expect(alertStateAfter('responding', commands, files)).toBe(expected);
  });

  it('stays archived', () => {
    expect(alertStateAfter('archived', [restored], { filesLost: 0, filesConflict: 1 })).toBe('archived');
  });
});
