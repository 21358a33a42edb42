import type { ActionName } from './actions.ts';
import { offTheNetwork, standingRestores, undoneIds } from './standing.ts';

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

describe('the network of an alert', () => {
  const now = new Date('2026-05-01T12:00:00Z');
  const command = (action: ActionName, state: 'succeeded' | 'failed' = 'succeeded', hoursAgo = 1) => ({
    ...{ action, state },
    finishedAt: new Date(now.getTime() - hoursAgo * 3_600_000),
  });

  it('is off the container from an isolation that succeeded until one lets it back', () => {
    const isOff = (...newestFirst: ReturnType<typeof command>[]) => offTheNetwork(newestFirst, now).container;
    expect(isOff()).toBe(false);
    expect(isOff(command('isolate', 'failed'))).toBe(false);
    expect(isOff(command('isolate', 'succeeded', 1_000))).toBe(true);
    expect(isOff(command('rejoin', 'failed'), command('isolate'))).toBe(true);
    expect(isOff(command('rejoin'), command('isolate'))).toBe(false);
    expect(isOff(command('rejoin-host'), command('isolate'))).toBe(true);
  });

  it('is off the host until its time is over, if none lets it back before', () => {
    const isOff = (...newestFirst: ReturnType<typeof command>[]) => offTheNetwork(newestFirst, now).host;
    expect(isOff(command('isolate'))).toBe(false);
    expect(isOff(command('isolate-host', 'succeeded', 3.9))).toBe(true);
    expect(isOff(command('isolate-host', 'succeeded', 4.1))).toBe(false);
    expect(isOff(command('rejoin-host'), command('isolate-host', 'succeeded', 2))).toBe(false);
    expect(isOff(command('rejoin'), command('isolate-host', 'succeeded', 2))).toBe(true);
  });
});
