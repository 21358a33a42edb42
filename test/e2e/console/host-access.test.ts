// Who may talk to the installation, in a real browser: an administrator revokes a host and removes it, after he was asked.
import { seedHost } from '@norn/api/trial';
import { Host } from '@norn/store';
import { says, screenshot } from './browser.ts';
import { tryConsole } from './trial.ts';

describe('a host in the console', () => {
  let id: string;
  const trial = tryConsole(async (api) => {
    id = (await seedHost(api, 'default', { name: 'node-3' })).hostId;
  });

  it('is not for responders to revoke or remove', async () => {
    const page = await trial.enter(`/hosts/${id}`, 'responder');
    await page.getByRole('heading', { name: 'node-3' }).waitFor();
    expect(await page.getByTestId('host-revoke').count()).toBe(0);
    expect(await page.getByTestId('host-remove').count()).toBe(0);
  });

  it('is in maintenance for two hours, or until that is ended', async () => {
    const page = await trial.enter(`/hosts/${id}`, 'admin');
    await page.getByTestId('host-maintain').click();
    await says(page, 'confirm-host', /Begin a maintenance of node-3\?[\s\S]*For two hours/);
    await page.getByTestId('confirm-host-yes').click();
    await page.getByText(/^In maintenance until/).waitFor();
    await screenshot(page, 'host-maintenance');
    expect(await page.getByTestId('host-maintain').count()).toBe(0);
    await page.getByTestId('host-resume').click();
    await page.getByTestId('confirm-host-yes').click();
    await page.getByTestId('host-maintain').waitFor();
    expect((await trial.api.control.manager.findOneByOrFail(Host, { id })).maintenanceUntil).toBeNull();
  });

  it('is revoked and removed by an administrator, who is told what that does', async () => {
    const page = await trial.enter(`/hosts/${id}`, 'admin');
    await page.getByTestId('host-revoke').click();
    await says(page, 'confirm-host', /Revoke node-3\?[\s\S]*Its agent protects it on/);
    await page.getByRole('button', { name: 'Cancel' }).click();
    expect((await trial.api.control.manager.findOneByOrFail(Host, { id })).revokedBefore).toBeNull();
    await page.getByTestId('host-revoke').click();
    await page.getByTestId('confirm-host-yes').click();
    await page.getByText(/^Its certificates were revoked at/).waitFor();
    await screenshot(page, 'host-revoked');
    await page.getByTestId('host-remove').click();
    await says(page, 'confirm-host', /Remove node-3\?/);
    await page.getByTestId('confirm-host-yes').click();
    await page.waitForURL(/\/hosts$/);
    expect(await trial.api.control.manager.countBy(Host, { id })).toBe(0);
    expect(trial.complaints).toEqual([]);
  });
});
