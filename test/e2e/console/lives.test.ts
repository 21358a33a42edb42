// Is it over, as a person reads it: of a silent host it is not known; and an alert of ten thousand processes opens all the same.
import { setTimeout as sleep } from 'node:timers/promises';
import { seedForkTree, seedHost, seedReverseShell } from '@norn/api/trial';
import { says, screenshot } from './browser.ts';
import { tryConsole } from './trial.ts';

describe('an alert', () => {
  let ids: Record<'silent' | 'large', string>;
  const trial = tryConsole(async (api) => {
    const silent = await seedHost(api, 'default', { name: 'node-9', lastSeenMsAgo: 600_000 });
    const home = await seedHost(api, 'default', { name: 'node-3' });
    ids = { silent: await seedReverseShell(api, silent), large: await seedForkTree(api, home, 10_000) };
  });

  /** What a list says of an alert is kept with it, from seconds after it came. */
  const untilKept = async (): Promise<void> => {
    const count = 'SELECT count(*)::int AS kept FROM attack_summaries';
    const kept = async () => (await trial.api.control.query<{ kept: number }[]>(count))[0]?.kept;
    while ((await kept()) !== 2) await sleep(50);
  };

  it('of a silent host says that it is not known, and offers nobody to be killed', async () => {
    const page = await trial.enter(`/alerts/${ids.silent}`, 'responder');
    await says(
      page,
      'alert-response',
      /^Whether 2 processes of it still run is not known since .* UTC: the host does not answer/,
    );
    await page.getByTestId('unknown-mark').first().waitFor();
    expect(await page.getByTestId('alert-header').getByText('still running').count()).toBe(0);
    expect(await page.getByTestId('action-kill').isEnabled()).toBe(false);
    await screenshot(page, 'alert-not-known');
  });

  it('says in the list, too, whether it is over', async () => {
    await untilKept();
    const page = await trial.enter('/alerts', 'viewer');
    const row = (id: string) => page.locator(`[data-testid=alert-row][data-id="${id}"]`);
    await row(ids.silent).getByText('not known whether it runs').waitFor();
    await row(ids.large).getByText('1 of it still runs').waitFor();
    await screenshot(page, 'alerts-lives');
  });

  it('of ten thousand processes shows the nearest two thousand and how many there are', async () => {
    const page = await trial.enter(`/alerts/${ids.large}`, 'viewer');
    await page.getByText('2,004 of 10,004 shown').waitFor({ timeout: 60_000 });
    await screenshot(page, 'alert-ten-thousand-processes');
    expect(trial.complaints).toEqual([]);
  });

  it('says what could not be read, and does not ask again until somebody does', async () => {
    await trial.api.events.command({ query: 'RENAME TABLE processes TO processes_away' });
    await trial.api.control.query('DELETE FROM attack_summaries WHERE alert_id = $1', [ids.silent]);
    const page = await trial.enter(`/alerts/${ids.silent}`, 'viewer');
    await says(page, 'doubts', /could not be read/);
    await says(page, 'alert-response', /^Whether anything of it still runs is not known/);
    await page.getByText('Not known which files it changed').waitFor();
    await screenshot(page, 'alert-not-read');
    await trial.api.events.command({ query: 'RENAME TABLE processes_away TO processes' });
    await page.getByTestId('again').click();
    await page.getByRole('tree').getByRole('treeitem').first().waitFor({ timeout: 60_000 });
    await page.getByTestId('doubts').waitFor({ state: 'detached' });
  });
});
