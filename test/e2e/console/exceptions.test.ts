// An analyst excepts what a finding shows, in a real browser: proposed, tried wider, given a reason, listed, ended.
import { seedHost, seedRansomware } from '@norn/api/trial';
import { says, screenshot } from './browser.ts';
import { tryConsole } from './trial.ts';

describe('an exception in the console', () => {
  let alertId: string;
  const trial = tryConsole(async (api) => {
    alertId = await seedRansomware(api, await seedHost(api, 'default', { name: 'node-3' }));
  });

  it('is proposed with the evidence of a rule, tried wider, and added with a reason', async () => {
    const page = await trial.enter(`/alerts/${alertId}?tab=evidence`, 'analyst');
    await page.getByTestId('finding').first().waitFor();
    expect(await page.getByTestId('finding').count()).toBe(2);
    const ofRule = page.getByTestId('finding').filter({ hasText: 'norn.download-to-shell' });
    await ofRule.getByTestId('except').click();
    await says(page, 'except-preview', /^Would have silenced no other findings in the last 7 days\.$/);
    expect(await page.getByTestId('except-yes').isDisabled()).toBe(true);
    expect(await page.getByLabel(/^Program/).isDisabled()).toBe(true);
    expect(await page.getByLabel(/^Unchanged from the package only curl/).isChecked()).toBe(true);
    expect(await page.getByLabel(/^This hash only/).count()).toBe(0);
    await page.getByLabel(/^This command line only/).uncheck();
    await says(page, 'except-preview', /no other findings/);
    await page.getByTestId('except-reason').fill('our own installer');
    await screenshot(page, 'exception');
    await page.getByTestId('except-yes').click();
    await says(
      page,
      'excepted',
      /Excepted until \d{4}-\d\d-\d\d: curl, run by .*, of the package curl, in containers of shop\/web:1\.4/,
    );
    expect(trial.complaints).toEqual([]);
  });

  it('of a reflex is said to leave out the alert alone', async () => {
    const page = await trial.enter(`/alerts/${alertId}?tab=evidence`, 'analyst');
    const ofReflex = page.getByTestId('finding').filter({ hasText: 'reflex.ransomware' });
    await ofReflex.getByTestId('except').click();
    const proposed = page.getByTestId('except-reflex').or(page.getByText(/is a reflex: its alert is left out for one/));
    await proposed.waitFor();
    await screenshot(page, 'exception-of-reflex');
  });

  it('stands on the page of rules until somebody ends it', async () => {
    const page = await trial.enter('/rules', 'analyst');
    await says(page, 'exception-row', /curl[\s\S]*our own installer[\s\S]*analyst[\s\S]*never/);
    await says(page, 'rule-cost', /–/);
    await screenshot(page, 'rules');
    await page.getByTestId('exception-end').click();
    await says(page, 'confirm-end', /from now on this alerts again/);
    await page.getByTestId('confirm-end-yes').click();
    await page.getByText('Nothing is excepted').waitFor();
    expect(await page.getByTestId('exception-row').count()).toBe(0);
    expect(trial.complaints).toEqual([]);
  });

  it('is not offered to a viewer', async () => {
    const page = await trial.enter(`/alerts/${alertId}?tab=evidence`, 'viewer');
    await page.getByTestId('finding').first().waitFor();
    await page.getByTitle(/viewer of/).waitFor();
    expect(await page.getByTestId('except').count()).toBe(0);
  });
});
