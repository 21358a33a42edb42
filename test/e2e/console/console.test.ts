// The console as a person meets it: a real browser, the real API, real PostgreSQL and ClickHouse.
import {
  seedConflicts,
  seedForkTree,
  seedHost,
  seedRansomware,
  seedReverseShell,
  seedWiper,
  webContainer,
} from '@norn/api/trial';
import type { Page } from 'playwright-core';
import { type VisitOptions, says, screenshot } from './browser.ts';
import { type Role, tryConsole } from './trial.ts';

describe('the console', () => {
  let home: { tenantId: string; hostId: string };
  let ids: Record<'ransomware' | 'wiper' | 'tree' | 'conflicts', string>;
  const trial = tryConsole(async (api) => {
    home = await seedHost(api, 'default', { name: 'node-3' });
    ids = {
      tree: await seedForkTree(api, home, 2000),
      wiper: await seedWiper(api, home),
      conflicts: await seedConflicts(api, home),
      ransomware: await seedRansomware(api, home),
    };
  });

  const enter = (
    path: string,
    { role = 'responder', ...options }: Partial<VisitOptions> & { role?: Role } = {},
  ): Promise<Page> => trial.enter(path, role, options);
  const text = (page: Page, testId: string): Promise<string> => page.getByTestId(testId).innerText();

  it('explains the one-time link to whoever is not signed in, and when one was used before', async () => {
    const context = await trial.browser.newContext({ baseURL: trial.api.url });
    const page = await context.newPage();
    await page.goto('/alerts');
    expect(await text(page, 'login')).toContain('./norn login');
    const link = `/login#token=${await trial.api.loginToken()}`;
    await page.goto(link);
    await page.getByTestId('mood').waitFor();
    expect(page.url()).not.toContain('token');
    await context.clearCookies();
    // Another page first: only what stands behind the # would change.
    await page.goto('about:blank');
    await page.goto(link);
    expect(await page.getByRole('alert').innerText()).toMatch(/used before/);
    await context.close();
  });

  it('heads the alert with the container, what happened, and that it is over', async () => {
    const page = await enter(`/alerts/${ids.ransomware}`);
    const id = page.getByTestId('container-id');
    expect([await id.innerText(), await id.getAttribute('title')]).toEqual([
      webContainer.id.slice(0, 12),
      webContainer.id,
    ]);
    const header = await text(page, 'alert-header');
    for (const words of ['Critical', 'Ransomware', 'Remediated', 'web-1', 'shop/web:1.4', 'node-3', '38 ms', 'T1486'])
      expect(header).toContain(words);
    await says(
      page,
      'alert-summary',
      /^python3 encrypted 7 files in 38 ms; Norn killed 3 processes, restored 7 of 7 files/,
    );
    await says(page, 'alert-response', /It is over and nothing was lost/);
    await screenshot(page, 'alert-dark');
    expect(trial.complaints).toEqual([]);
  });

  it('is amber, and says what waits, where nothing was put back: page, list and overview', async () => {
    const page = await enter(`/alerts/${ids.conflicts}`);
    await says(page, 'alert-state', /^Stopped, 21 files wait for you, 1 lost$/);
    await says(page, 'alert-response', /^21 files changed again later by somebody else/);
    expect(await page.getByTestId('alert-header').locator('.text-good').count()).toBe(0);
    await page.getByTestId('progress').getByText('Nothing restored').waitFor();
    await says(page, 'progress', /0 of 22 files restored, 21 wait for you, 1 lost/);
    await screenshot(page, 'alert-conflicts');
    await page.goto('/responses');
    await page.getByTestId('command-row').getByText('Nothing restored').waitFor();
    await page.goto('/');
    await says(page, 'files-waiting', /^\d+ wait for you$/);
    await screenshot(page, 'overview-conflicts');
    await page.getByTestId('files-waiting').click();
    const row = page.locator(`[data-testid=alert-row][data-id="${ids.conflicts}"]`);
    await row.getByText('Stopped, 21 files wait for you, 1 lost').waitFor();
    expect(await page.getByTestId('alert-row').getByText('Remediated').count()).toBe(0);
    await screenshot(page, 'alerts-waiting');
  });

  it('shows the tree with ancestors folded, a frame around the container, and marks on what is blamed', async () => {
    const page = await enter(`/alerts/${ids.ransomware}`);
    const tree = page.getByRole('tree');
    await tree.getByRole('treeitem').first().waitFor();
    expect(await tree.getByRole('treeitem').count()).toBe(7);
    expect(await page.getByTestId('fold-ancestors').innerText()).toContain(
      'systemd › containerd › containerd-shim-runc-v2',
    );
    expect(await page.getByTestId('fold-quiet').innerText()).toContain('gunicorn');
    expect(await tree.getByText('Inside container').count()).toBe(1);
    expect(await tree.getByTestId('killed-mark').count()).toBe(3);
    expect(await tree.locator('[data-blamed=true]').count()).toBe(4);
    await page.getByTestId('fold-ancestors').click();
    await page.getByTestId('fold-quiet').click();
    await tree.getByRole('treeitem', { name: /^systemd/ }).waitFor();
    expect(await tree.getByRole('treeitem').count()).toBe(11);
  });

  it('shows what a selected process is, with its container', async () => {
    const page = await enter(`/alerts/${ids.ransomware}`);
    const details = page.getByTestId('process-details');
    expect(await details.innerText()).toMatch(/python3\.11[\s\S]*4121[\s\S]*in container: 37/);
    await page.getByRole('treeitem', { name: /^curl/ }).click();
    await says(page, 'process-command', /^curl -s http:\/\/203\.0\.113\.9\/x$/);
    const said = await details.innerText();
    for (const words of ['4119', 'in container: 35', 'www-data', '1 connection', 'A download was piped into a shell']) {
      expect(said).toContain(words);
    }
    await says(page, 'package', /^package curl 8\.14\.1-2$/);
    await says(page, 'login', /^nobody’s, no terminal$/);
    await says(page, 'rights', /^chown · may take setuid$/);
    expect(await page.getByTestId('process-container-id').getAttribute('data-full')).toBe(webContainer.id);
    expect(page.url()).toContain('process=');
    await page.reload();
    await says(page, 'process-command', /^curl -s http/);
  });

  it('is worked by keys: the tree, its search, the tabs, the list, the help', async () => {
    const page = await enter(`/alerts/${ids.ransomware}`);
    await page.getByRole('tree').focus();
    await page.keyboard.press('Home');
    await says(page, 'process-command', /^\/bin\/sh -c \.\/entrypoint\.sh$/);
    await page.keyboard.press('ArrowDown');
    await says(page, 'process-command', /^gunicorn -w 2 shop:app$/);
    await page.keyboard.press('ArrowLeft');
    await page.getByRole('treeitem', { name: /^curl/ }).waitFor({ state: 'detached' });
    await page.keyboard.press('/');
    await page.keyboard.type('xyzzy');
    await page.getByText('Nothing here is called').waitFor();
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.type('4121');
    await page.getByRole('treeitem', { name: /^python3/ }).waitFor();
    await page.getByRole('tree').focus();
    await page.keyboard.press(']');
    await page.getByTestId('timeline').waitFor();
    await page.keyboard.press('u');
    await page.getByTestId('alert-row').first().waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('k');
    await page.keyboard.press('Enter');
    await page.getByTestId('alert-header').waitFor();
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
  });

  it('lists each file with its verdict in words, why one was lost, and filters them', async () => {
    const page = await enter(`/alerts/${ids.wiper}`, { scheme: 'light' });
    await page.getByTestId('files-row').first().waitFor();
    const first = page.getByTestId('files-row').first();
    expect(await first.innerText()).toMatch(/Lost[\s\S]*index\.wal[\s\S]*before its state could be kept/);
    await page.getByTestId('verdict-conflict').click();
    await page.getByTestId('files-row').filter({ hasText: 'Restored' }).first().waitFor({ state: 'detached' });
    expect(await page.getByTestId('files-row').count()).toBe(1);
    expect(page.url()).toContain('verdict=conflict');
    await page.getByTestId('verdict-restored').click();
    await page.getByTestId('files-row').filter({ hasText: 'Restored' }).first().waitFor();
    const drawn = await page.getByTestId('files-row').count();
    expect(drawn).toBeGreaterThan(5);
    expect(drawn).toBeLessThan(60);
    await screenshot(page, 'alert-files-light');
    expect(trial.complaints).toEqual([]);
  });

  it('tells the story, the evidence, the connections, the commands and the raw alert', async () => {
    const page = await enter(`/alerts/${ids.ransomware}?tab=timeline`);
    expect(await text(page, 'timeline')).toMatch(
      /\+38 ms\s+[\s\S]*The agent killed 3 processes, 38 ms after the first act/,
    );
    await page.getByTestId('tab-evidence').click();
    await says(page, 'evidence', /reflex\.ransomware[\s\S]*entropy\.after[\s\S]*8\.0/);
    await page.getByTestId('tab-connections').click();
    await says(page, 'connection-row', /curl 4119[\s\S]*203\.0\.113\.9[\s\S]*80/);
    await page.getByTestId('tab-commands').click();
    await says(page, 'command-row', /Succeeded[\s\S]*7 files restored, 1 removed/);
    await page.getByTestId('tab-raw').click();
    expect(await text(page, 'raw')).toContain(`"containerId": "${webContainer.id}"`);
  });

  it('stays quick with two thousand processes: few rows are drawn, and a search finds one', async () => {
    const page = await enter(`/alerts/${ids.tree}`);
    await page.getByRole('treeitem').first().waitFor();
    expect(await page.getByRole('treeitem').count()).toBeLessThan(40);
    await page.keyboard.press('/');
    await page.keyboard.type('work 1777');
    await page.getByRole('treeitem', { name: /11777/ }).waitFor();
    await page.getByRole('treeitem', { name: /11777/ }).click();
    await says(page, 'process-details', /11777/);
    await screenshot(page, 'alert-two-thousand-processes');
  });

  it('asks once, says what it will do, and follows the command to its outcome without a reload', async () => {
    const page = await enter(`/alerts/${ids.ransomware}`);
    await page.getByTestId('action-restore').click();
    expect(await text(page, 'confirm')).toMatch(/Puts back content, mode, owner and times[\s\S]*in container web-1/);
    await page.getByRole('button', { name: 'Cancel' }).click();
    expect(await commandsOf(ids.ransomware)).toBe(1);
    await page.getByTestId('action-restore').click();
    await page.getByTestId('confirm-yes').click();
    await page.getByTestId('progress').getByText('Requested').waitFor();
    expect(await commandsOf(ids.ransomware)).toBe(2);
    expect(await page.getByTestId('action-restore').isDisabled()).toBe(true);
    await trial.api.control.query(`UPDATE commands SET state = 'running' WHERE alert_id = $1 AND finished_at IS NULL`, [
      ids.ransomware,
    ]);
    await page.getByTestId('progress').getByText('Running').waitFor();
    await succeed(page, ids.ransomware, '7 files unchanged');
  });

  it('takes a pod off the network, lets it back on, and kills its container', async () => {
    const page = await enter(`/alerts/${ids.tree}`);
    const confirmed = async (action: string, consequence: RegExp): Promise<void> => {
      await page.getByTestId(`action-${action}`).click();
      expect(await text(page, 'confirm')).toMatch(consequence);
      await page.getByTestId('confirm-yes').click();
      await page.getByTestId('progress').getByText('Requested').waitFor();
      await succeed(page, ids.tree, `${action} is done`);
    };
    await confirmed(
      'isolate',
      /Drops every packet to and from pod shop\/web-1-x2k4q[\s\S]*The host and all others keep/,
    );
    expect(await page.getByTestId('action-isolate').count()).toBe(0);
    await confirmed('rejoin', /Lets pod shop\/web-1-x2k4q back onto the network/);
    await confirmed('kill-container', /kills every process in container web-1[\s\S]*Other containers go on/);
    const asked = await trial.api.control.query<{ action: string }[]>(
      'SELECT action FROM commands WHERE alert_id = $1 ORDER BY requested_at DESC LIMIT 3',
      [ids.tree],
    );
    expect(asked.map(({ action }) => action)).toEqual(['kill-container', 'rejoin', 'isolate']);
    expect(await page.getByTestId('action-isolate').isEnabled()).toBe(true);
  });

  it('lets a person put back one file that somebody else changed since', async () => {
    const page = await enter(`/alerts/${ids.wiper}`);
    const before = await commandsOf(ids.wiper);
    await page.getByTestId('decide').first().click();
    expect(await text(page, 'decision')).toMatch(/as it was before the attack\. What somebody else made of it since/);
    await page.getByTestId('decision-yes').click();
    await page.getByTestId('progress').getByText('Requested').waitFor();
    expect(await commandsOf(ids.wiper)).toBe(before + 1);
  });

  /** As the host would say. */
  const succeed = async (page: Page, alertId: string, message: string): Promise<void> => {
    await trial.api.control.query(
      `UPDATE commands SET state = 'succeeded', message = $2, finished_at = now() WHERE alert_id = $1 AND finished_at IS NULL`,
      [alertId, message],
    );
    await page.getByTestId('progress').getByText(message).waitFor();
  };

  const commandsOf = async (alertId: string): Promise<number> =>
    Number(
      (
        await trial.api.control.query<{ n: string }[]>('SELECT count(*) AS n FROM commands WHERE alert_id = $1', [
          alertId,
        ])
      )[0]?.n,
    );

  it('tells a viewer why the buttons do nothing', async () => {
    const page = await enter(`/alerts/${ids.ransomware}`, { role: 'viewer' });
    const restore = page.getByTestId('action-restore');
    await restore.waitFor();
    expect(await restore.isDisabled()).toBe(true);
    expect(await restore.getAttribute('title')).toMatch(/needs the role responder/);
  });

  it('lets what is new wait, so that nothing jumps', async () => {
    const page = await enter('/alerts');
    const rows = page.getByTestId('alert-row');
    await rows.first().waitFor();
    await page.getByTestId('live').getByText('Live').waitFor();
    const before = await rows.count();
    await seedReverseShell(trial.api, home);
    await page.getByTestId('new-alerts').waitFor();
    expect([await text(page, 'new-alerts'), await rows.count()]).toEqual(['1 new', before]);
    await page.getByTestId('new-alerts').click();
    await rows.getByText('Reverse shell').waitFor();
    await rows.nth(before).waitFor();
    expect(await rows.count()).toBe(before + 1);
    await screenshot(page, 'alerts-dark');
  });

  it('shows a change of state on the open page', async () => {
    const page = await enter(`/alerts/${ids.wiper}`);
    await page.getByTestId('live').getByText('Live').waitFor();
    await trial.api.control.query(`UPDATE alert_handlings SET state = 'archived' WHERE id = $1`, [ids.wiper]);
    await page.getByTestId('alert-state').getByText('Archived').waitFor();
  });

  it('filters by address, and says so when nothing fits', async () => {
    const page = await enter('/alerts?technique=T1486');
    expect(
      await page
        .getByTestId('alert-row')
        .count()
        .catch(() => 0),
    ).toBeLessThan(2);
    await page.getByTestId('alert-row').first().waitFor();
    await page.getByRole('button', { name: 'Low', exact: true }).click();
    await page.getByText('No alert fits these filters').waitFor();
    expect(page.url()).toMatch(/technique=T1486.*severity=low/);
  });

  it('answers for hosts, containers and responses', async () => {
    const page = await enter('/hosts');
    await page.getByTestId('host-row').click();
    await page.getByTestId('capability-row').filter({ hasText: 'process.lifecycle' }).waitFor();
    await page.goto('/containers');
    await says(page, 'container-row', new RegExp(webContainer.id.slice(0, 12)));
    await page.goto('/responses');
    await says(page, 'command-row', /restore/);
    expect(trial.complaints).toEqual([]);
  });

  it('lists the rules with what the sensor does not see of them', async () => {
    const text = [
      'title: Logins of a stranger',
      'author: Ada',
      'level: high',
      'logsource: { product: linux, service: sshd }',
      'detection: { a: [stranger], condition: a }',
    ].join('\n');
    const taken = await fetch(`${trial.api.url}/api/v1/rules/import`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await trial.api.tokenOf('admin')}`, 'content-type': 'application/json' },
      body: JSON.stringify({ files: [{ name: 'logins.yml', text }] }),
    });
    expect(taken.status).toBe(201);
    const page = await enter('/rules');
    await says(page, 'rules-summary', /rules run wholly.*1 only observing/);
    await says(page, 'blind-spot', /service sshd[\s\S]*what programs log is not read/);
    await page.getByLabel('Filter rules').fill('of a stranger');
    await says(
      page,
      'rule-row',
      /Logins of a stranger[\s\S]*Not seen: service sshd[\s\S]*Observes[\s\S]*Not at all[\s\S]*Ada/,
    );
    // The list follows what is typed a moment later.
    await page.getByTestId('rule-row').nth(1).waitFor({ state: 'detached' });
    expect(await page.getByTestId('rule-row').count()).toBe(1);
    expect(page.url()).toContain('q=of');
    await screenshot(page, 'rules');
    expect(trial.complaints).toEqual([]);
  });

  it('hunts with a rule of the pack by its address, and says so when nothing is found', async () => {
    const page = await enter('/hunt');
    await page.getByTestId('hunt-rule').selectOption('log_deleted');
    expect(await page.getByTestId('hunt-rule').locator('option').count()).toBeGreaterThan(10);
    await says(page, 'hunt-total', /^0 events$/);
    await says(page, 'hunt-nothing', /Look through 30 days/);
    expect(page.url()).toMatch(/\/hunt\?rule=log_deleted$/);
    expect(trial.complaints).toEqual([]);
  });

  it('hunts with a rule of one’s own: what, when, and closer', async () => {
    const page = await enter('/hunt?rule=own&since=24h');
    const rule = (field: string): string =>
      `title: Files of the shop\nlogsource: { category: file_event }\ndetection: { s: { ${field}|startswith: /srv/data/ }, condition: s }\n`;
    const run = async (text: string): Promise<void> => {
      await page.getByTestId('hunt-text').fill(text);
      await page.getByRole('button', { name: 'Run' }).click();
    };
    await run(rule('TargetFile'));
    await says(page, 'hunt-refused', /rule\.yml:3: .*has no field "TargetFile": known are Image,/);
    await run(rule('TargetFilename'));
    await says(page, 'hunt-total', /^8 events$/);
    const [row] = await page.getByTestId('hunt-event').allInnerTexts();
    for (const words of ['python3.11', '4121', 'web-1', 'node-3', 'TargetFilename', '/srv/data/'])
      expect(row).toContain(words);
    await screenshot(page, 'hunt-dark');
    await page.getByTestId('hunt-histogram').getByRole('button').first().click();
    await page.waitForURL(/until=/);
    await says(page, 'hunt-total', /^8 events$/);
    expect(trial.complaints.filter((one) => !one.includes('400'))).toEqual([]);
  });

  it('has a page for what is not there', async () => {
    const page = await enter(`/alerts/${'0'.repeat(32)}`);
    await says(page, 'not-found', /no alert/);
  });

  it.each(['/', '/alerts', '/hosts', '/containers', '/rules', '/hunt', '/responses', '/policy'])(
    'fits a phone: %s',
    async (path) => {
      const page = await enter(path, { width: 390 });
      await page.getByRole('heading', { level: 1 }).waitFor();
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
    },
  );

  it('fits a phone: the alert page', async () => {
    const page = await enter(`/alerts/${ids.ransomware}`, { width: 390 });
    await page.getByTestId('files-row').first().waitFor();
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
    await screenshot(page, 'alert-phone');
  });

  it('says so when it is not connected, and that hosts go on protecting themselves', async () => {
    const page = await enter('/');
    await page.getByTestId('live').getByText('Live').waitFor();
    await page.context().setOffline(true);
    trial.api.dropConnections();
    await page.getByTestId('disconnected').waitFor();
    expect(await text(page, 'disconnected')).toMatch(/Not connected[\s\S]*hosts protect themselves/);
    await page.context().setOffline(false);
    await page.getByTestId('live').getByText('Live').waitFor();
  });
});
