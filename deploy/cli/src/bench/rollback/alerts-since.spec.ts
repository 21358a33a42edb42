import type { ApiClient } from '../../api/client.ts';
import { newAlerts } from './alerts-since.ts';

/** A fake API that answers with one page after the other. */
function fakeApi(...pages: { id: string; version: number }[][]): ApiClient {
  return { get: () => Promise.resolve({ alerts: pages.shift() ?? [] }) } as unknown as ApiClient;
}

describe('the alerts since a moment', () => {
  it('are those that are new or have grown, and not those that were there', async () => {
    const old = { id: 'old', version: 1 };
    const api = fakeApi(
      [old, { id: 'grown', version: 1 }],
      [old, { id: 'grown', version: 2 }, { id: 'new', version: 1 }],
    );
    const since = await newAlerts(api);
    expect((await since()).map(({ id }) => id)).toEqual(['grown', 'new']);
  });
});
