import { outcomeOf, resultOf } from './restore-outcome.ts';

const none = { filesChanged: 0, filesRemoved: 0, filesUnchanged: 0, filesLost: 0, filesConflict: 0 };
const restore = { action: 'restore', state: 'succeeded', message: '22 files in 9 ms', ...none } as const;

describe('what came of a restore', () => {
  it.each([
    [{ filesConflict: 21, filesLost: 1 }, 'nothing', '0 of 22 files restored, 21 wait for you, 1 lost'],
    [{ filesConflict: 22 }, 'nothing', '0 of 22 files restored, 22 wait for you'],
    [{ filesLost: 22 }, 'nothing', '0 of 22 files restored, 22 files lost'],
    [{ filesChanged: 21, filesConflict: 1 }, 'part', '21 of 22 files restored, 1 waits for you'],
    [{ filesChanged: 8, filesRemoved: 1, message: '8 files in 9 ms' }, 'whole', '7 of 7 files restored, 1 removed'],
    [{ filesChanged: 3, filesRemoved: 3, message: '3 files in 9 ms' }, 'whole', '3 removed'],
    [{ filesUnchanged: 22 }, 'whole', '22 unchanged'],
    // Of a command from before counts were kept, it is not known what became of the others: not that all is well.
    [{}, 'nothing', '0 of 22 files restored'],
    [{ filesChanged: 20 }, 'part', '20 of 22 files restored'],
    [{ filesChanged: 22 }, 'whole', '22 of 22 files restored'],
  ])('%j', (counts, outcome, words) => {
    const command = { ...restore, ...counts };
    expect([outcomeOf(command), resultOf(command)]).toEqual([outcome, words]);
  });

  it('is what the host said when it failed, when there was nothing to do, and of what puts nothing back', () => {
    const failed = { ...restore, state: 'failed', message: 'The vault is full.' } as const;
    expect([outcomeOf(failed), resultOf(failed)]).toEqual(['', 'The vault is full']);
    const idle = { ...restore, message: 'no file of it had to be restored' };
    expect([outcomeOf(idle), resultOf(idle)]).toEqual(['whole', 'no file of it had to be restored']);
    const kill = { ...restore, action: 'kill', message: '3 processes stopped' } as const;
    expect([outcomeOf(kill), resultOf(kill)]).toEqual(['', '3 processes stopped']);
  });

  it('of an undo says that the files are as the attack left them', () => {
    const undo = { ...restore, action: 'undo', filesChanged: 6, filesConflict: 1 } as const;
    expect(resultOf(undo)).toBe('6 of 7 files are again as the attack left them, 1 waits for you');
  });
});
