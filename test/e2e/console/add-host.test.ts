// "Add a host" in a real browser: the command for as many hosts as asked, copied whole, and who has joined since.
import { seedHost } from '@norn/api/trial';
import { decodeInvitation } from '@norn/contracts';
import type { Page } from 'playwright-core';
import { says, screenshot } from './browser.ts';
import { type Role, tryConsole } from './trial.ts';

describe('adding a host in the console', () => {
  const trial = tryConsole(async (api) => {
    await seedHost(api, 'default', { name: 'node-3' });
  });

  async function enter(role: Role): Promise<Page> {
    const page = await trial.enter('/hosts', role);
    await trial.context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.getByTestId('host-row').first().waitFor();
    return page;
  }

  it('is for administrators', async () => {
    const page = await enter('responder');
    expect(await page.getByTestId('add-host').count()).toBe(0);
    await page.goto('/hosts?add=host');
    await page.getByTestId('host-row').first().waitFor();
    expect(await page.getByTestId('add-host-count').count()).toBe(0);
  });

  it('shows the command, copies it, and tells who joined', async () => {
    const page = await enter('admin');
    await page.getByTestId('add-host').click();
    await page.waitForURL(/\?add=host$/);
    await page.getByTestId('add-host-count').fill('2');
    await page.getByTestId('add-host-make').click();
    await says(page, 'add-host-joined', /^Waiting for 2 hosts to join$/);
    const command = await page.getByTestId('add-host-command').innerText();
    const invitation = decodeInvitation(/^echo (\S+) \| \.\/norn join -$/.exec(command)?.[1] ?? '');
    expect(invitation.hosts).toBe(2);
    expect(await page.getByTestId('add-host-until').getAttribute('datetime')).toBe(invitation.expiresAt);
    await says(page, 'add-host-caution', /NORN_AGENT_HOST/);
    await page.getByTestId('add-host-copy').click();
    await says(page, 'add-host-copy', /^Copied$/);
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(command);
    await screenshot(page, 'add-host');
    await seedHost(trial.api, 'default', { name: 'web-1' });
    await says(page, 'add-host-joined', /web-1 joined[\s\S]*Waiting for a host to join/);
    await seedHost(trial.api, 'default', { name: 'web-2' });
    await says(page, 'add-host-joined', /web-1 joined\s*web-2 joined$/);
    await screenshot(page, 'add-host-joined');
    expect(trial.complaints).toEqual([]);
  });

  it('says what the API refuses, and lets it be tried again', async () => {
    const page = await enter('admin');
    await page.getByTestId('add-host').click();
    await page.route('**/api/v1/join-tokens', (route) =>
      route.fulfill({ status: 503, json: { code: 'invitations_unavailable', message: 'It has no authority' } }),
    );
    await page.getByTestId('add-host-make').click();
    await says(page, 'add-host-problem', /It has no authority/);
    expect(await page.getByTestId('add-host-make').isEnabled()).toBe(true);
    await page.getByRole('button', { name: 'Close' }).click();
    await page.getByTestId('add-host-count').waitFor({ state: 'detached' });
  });
});
