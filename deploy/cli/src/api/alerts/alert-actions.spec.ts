import { chosen } from './alert-actions.ts';

describe('options of an action', () => {
  it.each([
    ['restore', {}, 'restore'],
    ['restore', { json: true }, 'restore'],
    ['restore', { container: true }, 'restore-container'],
    ['restore', { cold: true }, 'restore-container-cold'],
    ['restore', { container: true, cold: true }, 'restore-container-cold'],
    ['restore', { blamed: true }, 'restore-blamed'],
    ['restore', { overConflicts: true }, 'restore-conflicts?'],
    ['restore', { overConflicts: ['/a b', '/c'] }, 'restore-conflicts?path=%2Fa+b&path=%2Fc'],
    ['kill', {}, 'kill'],
    ['kill', { container: true }, 'kill-container'],
    ['undo', {}, 'undo'],
  ])('of %s %j ask for %s', (command, options, path) => {
    expect(chosen(command, options).path).toBe(path);
  });

  it.each([
    [{ blamed: true, container: true }, /^--blamed is a restore of its own/],
    [{ blamed: true, overConflicts: true }, /^--blamed is a restore of its own/],
    [{ overConflicts: true, cold: true }, /^--over-conflicts decides/],
  ])('that do not go together are refused: %j', (options, sentence) => {
    expect(() => chosen('restore', options)).toThrow(sentence);
  });
});
