import { isIsolated, standingRestores, undoneIds } from './standing.ts';

const restore = (id: string, filesChanged = 7) =>
  ({ id, action: 'restore', state: 'succeeded', undoes: '', filesChanged }) as const;
const undo = (id: string, undoes: string, state: 'succeeded' | 'failed' = 'succeeded') =>
  ({ id, action: 'undo', state, undoes, filesChanged: 0 }) as const;

type Restore = Parameters<typeof standingRestores>[0][number];
const isRestored = (commands: Restore[]): boolean => standingRestores(commands).length > 0;

describe('restores of an alert', () => {
  it('stand until they are undone', () => {
    expect(isRestored([])).toBe(false);
    expect(isRestored([restore('1')])).toBe(true);
    expect(isRestored([restore('1'), undo('2', '1')])).toBe(false);
    expect(isRestored([restore('1'), undo('2', '1'), restore('3')])).toBe(true);
  });

  it('that found nothing to do are nothing to undo', () => {
    expect(isRestored([restore('1', 0)])).toBe(false);
    expect(isRestored([restore('1'), restore('2', 0), undo('3', '1')])).toBe(false);
  });

  it('stand when the undo failed', () => {
    expect(isRestored([restore('1'), undo('2', '1', 'failed')])).toBe(true);
    expect(undoneIds([restore('1'), undo('2', '1', 'failed')])).toEqual([]);
  });

  it('tell nothing of the files when they are undone, nor does the undo', () => {
    expect(undoneIds([restore('1'), restore('3'), undo('2', '1')])).toEqual(['2', '1']);
  });
});

describe('the container of an alert', () => {
  const command = (action: 'isolate' | 'rejoin', state: 'succeeded' | 'failed' = 'succeeded') => ({ action, state });

  it('is off the network from an isolation that succeeded until one lets it back', () => {
    expect(isIsolated([])).toBe(false);
    expect(isIsolated([command('isolate', 'failed')])).toBe(false);
    expect(isIsolated([command('isolate')])).toBe(true);
    expect(isIsolated([command('rejoin', 'failed'), command('isolate')])).toBe(true);
    expect(isIsolated([command('rejoin'), command('isolate')])).toBe(false);
  });
});
