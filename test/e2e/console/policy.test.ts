// The policy in a real browser: what is in force, a change tried and applied, what changed, and the way back; and what hosts made of it.
import { seedHost } from '@norn/api/trial';
import { Host, HostPolicyRecord } from '@norn/store';
import { says, screenshot } from './browser.ts';
import { tryConsole } from './trial.ts';

const first = `policy: shop
rules:
  - name: tools
    description: Nobody needs these here.
    when: { exec: { Image|endswith: [/nc, /ncat] } }
    subjects: { hostGroup: 'node-*' }
    action: deny
    level: high
    techniques: [T1095]
    tests: { match: [{ Image: /usr/bin/nc, HostGroup: node-3 }] }
  - name: arguments
    when: { exec: { CommandLine|contains: evil } }
    action: deny
    otherwise: suspend
    observeUntil: '2126-01-01'
`;

describe('the policy in the console', () => {
  let hostId: string;
  const trial = tryConsole(async (api) => {
    hostId = (await seedHost(api, 'default', { name: 'node-3' })).hostId;
    await seedHost(api, 'default', { name: 'node-4' });
  });

  it('is written, tried and put in force, when its tests are right', async () => {
    const page = await trial.enter('/', 'admin');
    await page.getByRole('link', { name: 'Policy' }).first().click();
    await says(page, 'policy-summary', /No policy was applied/);
    await page.getByTestId('policy-edit').click();
    await page
      .getByTestId('policy-text')
      .fill(first.replace('match: [{ Image: /usr/bin/nc,', 'match: [{ Image: /usr/bin/ls,'));
    expect(await page.getByTestId('policy-apply').isDisabled()).toBe(true);
    await page.getByTestId('policy-try').click();
    await says(page, 'policy-trial', /0 of 1 tests are right[\s\S]*tools leaves to no rule/);
    expect(await page.getByTestId('policy-apply').isDisabled()).toBe(true);
    await page.getByTestId('policy-text').fill('policy: [');
    await page.getByTestId('policy-try').click();
    await says(page, 'policy-problem', /policy\.yml:1/);
    await page
      .getByTestId('policy-file')
      .setInputFiles({ name: 'shop.yml', mimeType: 'application/yaml', buffer: Buffer.from(first) });
    await page.getByTestId('policy-try').click();
    await says(page, 'policy-trial', /1 of 1 tests are right[\s\S]*On the hosts/);
    await screenshot(page, 'policy-tried');
    await page.getByTestId('policy-apply').click();
    await says(page, 'confirm-apply', /takes the place of the policy in force/);
    await page.getByTestId('confirm-apply-yes').click();
    await says(page, 'policy-summary', /shop, version 1, is in force: 2 rules: 2 deny/);
    // What was refused was told to the person; the browser tells of it as well.
    expect(trial.complaints.filter((text) => !text.includes('400'))).toEqual([]);
  });

  it('shows its rules in their order, where each is enforced, and what the hosts made of it', async () => {
    const { epoch } = await trial.api.control.manager.findOneByOrFail(HostPolicyRecord, { tenantId: 'default' });
    const { facts } = await trial.api.control.manager.findOneByOrFail(Host, { id: hostId });
    const policy = { state: 'POLICY_STATE_APPLIED', code: 'ok', epoch, policy: 'shop', version: 1, denied: '4' };
    await trial.api.control.manager.update(Host, { id: hostId }, { facts: { ...facts, policy } });
    const page = await trial.enter('/policy', 'viewer');
    await says(
      page,
      'policy-rule',
      /1[\s\S]*tools[\s\S]*nc or \/ncat[\s\S]*hosts node-\*[\s\S]*Deny[\s\S]*On the hosts/,
    );
    const second = page.getByTestId('policy-rule').nth(1);
    expect(await second.innerText()).toMatch(/only observes until 2126-01-01[\s\S]*Not on the hosts[\s\S]*CommandLine/);
    await says(page, 'policy-host', /node-3[\s\S]*In effect[\s\S]*1[\s\S]*4/);
    await says(page, 'policy-host', /node-4[\s\S]*Sent/);
    expect(await page.getByTestId('policy-edit').count()).toBe(0);
    await screenshot(page, 'policy');
    await page.getByTestId('policy-host').getByRole('link', { name: 'node-3' }).click();
    await says(page, 'host-policy', /In effect[\s\S]*Version 1 is in effect[\s\S]*4 denied/);
    expect(trial.complaints).toEqual([]);
  });

  it('says what changed between two versions, and goes back to one', async () => {
    const page = await trial.enter('/policy', 'admin');
    await page.getByTestId('policy-edit').click();
    await page.getByTestId('policy-text').fill(first.replace('level: high', 'level: critical'));
    await page.getByTestId('policy-try').click();
    await page.getByTestId('policy-trial').waitFor();
    await page.getByTestId('policy-apply').click();
    await page.getByTestId('confirm-apply-yes').click();
    await says(page, 'policy-summary', /version 2/);
    await page.getByTestId('policy-compare').first().click();
    await says(page, 'policy-diff', /−\s+level: high\s*\+\s+level: critical/);
    expect(new URL(page.url()).search).toBe('?from=1&to=2');
    await screenshot(page, 'policy-diff');
    await page.getByTestId('policy-rollback').click();
    await says(page, 'confirm-rollback', /version 1 \(shop/);
    await page.getByTestId('confirm-rollback-yes').click();
    await says(page, 'policy-summary', /version 3/);
    await says(page, 'policy-version', /3\s*in force[\s\S]*as in 1/);
    await says(page, 'policy-host', /node-3[\s\S]*Older/);
    expect(trial.complaints).toEqual([]);
  });

  it('can be read on a phone and in the light', async () => {
    const page = await trial.enter('/policy', 'viewer', { width: 390, scheme: 'light' });
    await page.getByTestId('policy-rule').first().waitFor();
    const width = await page.evaluate<number>('document.documentElement.scrollWidth');
    expect(width).toBeLessThanOrEqual(390);
    await screenshot(page, 'policy-phone');
  });

  it('may be tried, and not applied, by an analyst', async () => {
    const page = await trial.enter('/policy', 'analyst');
    await page.getByTestId('policy-edit').click();
    await page.getByTestId('policy-try').click();
    await page.getByTestId('policy-trial').waitFor();
    expect(await page.getByTestId('policy-apply').isDisabled()).toBe(true);
    expect(await page.getByTestId('policy-rollback').count()).toBe(0);
  });
});
