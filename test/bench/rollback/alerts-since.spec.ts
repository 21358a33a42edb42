import type { ApiClient } from '@norn/cli';
import { newAlerts } from './alerts-since.ts';

interface Alert {
  readonly id: string;
  readonly killedPids: readonly number[];
}

/** A fake API that answers with one page after the other. */
function fakeApi(...pages: Alert[][]): ApiClient {
  return { get: () => Promise.resolve({ alerts: pages.shift() ?? [] }) } as unknown as ApiClient;
}

describe('the alerts since a moment', () => {
  it('are those that are new and those with new kills, and not those that were there', async () => {
    const old = { id: 'old', killedPids: [4] };
    const api = fakeApi(
      [old, { id: 'killed', killedPids: [5] }],
      [old, { id: 'killed', killedPids: [5, 6] }, { id: 'new', killedPids: [] }],
    );
    const since = await newAlerts(api);
    expect((await since()).map(({ id }) => id)).toEqual(['killed', 'new']);
  });
});
