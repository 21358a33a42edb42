// An analyst excepts what a finding shows, in a real browser: proposed, tried wider, given a reason, listed, ended.
import { rmSync } from 'node:fs';
import { type ApiTrial, seedHost, seedRansomware, seedTenant, startApiTrial } from '@norn/api/trial';
import type { Browser, Page } from 'playwright-core';
import { type Visit, buildConsole, openBrowser, says, screenshot, signIn } from './browser.ts';

jest.setTimeout(180_000);

describe('an exception in the console', () => {
  let trial: ApiTrial;
  let browser: Browser;
  let folder: string;
  let alertId: string;
  let visit: Visit | undefined;

  beforeAll(async () => {
    folder = await buildConsole();
    trial = await startApiTrial({ consoleDir: folder });
    browser = await openBrowser();
    await seedTenant(trial, 'default');
    alertId = await seedRansomware(trial, await seedHost(trial, 'default', { name: 'node-3' }));
  });

  afterEach(async () => {
    await visit?.context.close();
    visit = undefined;
  });

  afterAll(async () => {
    await browser.close();
    await trial.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function enter(path: string, role: 'viewer' | 'analyst'): Promise<Page> {
    visit = await signIn(browser, { url: trial.url, login: await trial.loginToken(role) });
    await visit.page.goto(path);
    return visit.page;
  }

  it('is proposed with the evidence of a rule, tried wider, and added with a reason', async () => {
    const page = await enter(`/alerts/${alertId}?tab=evidence`, 'analyst');
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
    expect(visit?.complaints).toEqual([]);
  });

  it('of a reflex is said to leave out the alert alone', async () => {
    const page = await enter(`/alerts/${alertId}?tab=evidence`, 'analyst');
    const ofReflex = page.getByTestId('finding').filter({ hasText: 'reflex.ransomware' });
    await ofReflex.getByTestId('except').click();
    const proposed = page.getByTestId('except-reflex').or(page.getByText(/is a reflex: its alert is left out for one/));
    await proposed.waitFor();
    await screenshot(page, 'exception-of-reflex');
  });

  it('stands on the page of rules until somebody ends it', async () => {
    const page = await enter('/rules', 'analyst');
    await says(page, 'exception-row', /curl[\s\S]*our own installer[\s\S]*analyst[\s\S]*never/);
    await says(page, 'rule-cost', /–/);
    await screenshot(page, 'rules');
    await page.getByTestId('exception-end').click();
    await says(page, 'confirm-end', /from now on this alerts again/);
    await page.getByTestId('confirm-end-yes').click();
    await page.getByText('Nothing is excepted').waitFor();
    expect(await page.getByTestId('exception-row').count()).toBe(0);
    expect(visit?.complaints).toEqual([]);
  });

  it('is not offered to a viewer', async () => {
    const page = await enter(`/alerts/${alertId}?tab=evidence`, 'viewer');
    await page.getByTestId('finding').first().waitFor();
    await page.getByTitle(/viewer of/).waitFor();
    expect(await page.getByTestId('except').count()).toBe(0);
  });
});
