import { CommandRecord } from '@norn/store';
import { commandView } from './command.view.ts';

const place = { hostName: 'node-3', containerId: 'c'.repeat(64) } as never;

function summaryOf(action: string): string {
  const command = Object.assign(new CommandRecord(), {
    ...{ id: 'a', alertId: 'b', hostId: 'h', action, state: 'succeeded', requestedBy: 'ann', code: 'ok', message: '' },
    ...{ scopeUids: [], undoes: '', requestedAt: new Date(0), updatedAt: new Date(0), finishedAt: new Date(0) },
    ...{ filesChanged: 0, filesRemoved: 0, filesUnchanged: 0, filesLost: 0, filesConflict: 0 },
  });
  return commandView(command, place).summary;
}

describe('what was asked for', () => {
  it('is said with the place that it is about', () => {
    expect(summaryOf('isolate')).toMatch(/^Ann asked to take it off the network in container cccccccccccc/);
    expect(summaryOf('isolate-host')).toMatch(/^Ann asked to cut off the network on node-3/);
    expect(summaryOf('rejoin-host')).toMatch(/^Ann asked to lift the isolation on node-3/);
  });
});
