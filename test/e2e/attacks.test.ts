// The promise of the README: an attack is seen, stopped and undone, in a container and on the host.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { openBrowser, screenshot, signIn } from './console/browser.ts';
import { startInstallation, type Installation } from './installation.ts';
import { type AttackReport, expectDeletionUndone, expectUndone } from './undone.ts';

interface Alert {
  id: string;
  containerId: string;
  severity: string;
  state: string;
  createdAt: string;
  files: AttackReport['files'];
  processes: { processUid: string; containerId: string; killed: boolean; images: { path: string }[] }[];
  fileList: { path: string; verdict: string }[];
}

jest.setTimeout(900_000);

const docker = async (...args: string[]): Promise<string> => (await promisify(execFile)('docker', args)).stdout.trim();

/** Of all ways and places (test/long/attacks.test.ts) those that differ most from one another. */
const sample = [
  ['image', 'in-place'],
  ['image', 'wiper-truncate'],
  ['upper', 'io-uring'],
  ['bind', 'write-new-unlink'],
  ['volume', 'fork-tree'],
  ['host', 'rename-then-write'],
  ['host', 'elsewhere-rename'],
];

describe('a whole installation', () => {
  let norn: Installation;
  const kept: string[] = [];

  beforeAll(async () => {
    norn = await startInstallation(7700);
  });
  afterAll(async () => {
    if (kept.length > 0) await docker('rm', '--force', ...kept);
    await norn.stop();
  });

  /** An attack on a container that is there afterwards. */
  const attackAndKeep = async (): Promise<AttackReport> => {
    const report = await norn.json<AttackReport>('attack', 'ransomware', '--container', '--keep');
    kept.push(report.containerId);
    return report;
  };

  it.each(sample)('ransomware is stopped and undone (%s, %s)', async (place, mode) => {
    const report = await norn.json<AttackReport>('attack', 'ransomware', '--place', place, '--mode', mode);
    expectUndone(report);
    expect(report.containerId).toMatch(place === 'host' ? /^$/ : /^[0-9a-f]{64}$/);
  });

  it('a wiper that only deletes is found and undone', async () => {
    expectDeletionUndone(
      await norn.json<AttackReport>('attack', 'ransomware', '--container', '--mode', 'wiper-unlink'),
    );
  });

  it('plays a mode in every place and prints a table', async () => {
    const { stdout, code } = await norn.norn('attack', 'ransomware', '--all', '--mode', 'mmap');
    for (const place of ['image', 'upper', 'bind', 'volume', 'host'])
      expect(stdout).toMatch(new RegExp(`^mmap +${place} +\\d+ files / \\d+ ms .* identical$`, 'm'));
    expect(stdout).toContain('✔ 5 of 5 identical');
    expect(code).toBe(0);
  });

  it('plays actions of the catalogue and prints them as a table by technique, and ends with 1 when an action is unknown', async () => {
    const { stdout, code } = await norn.norn('attack', 'catalogue', '--only', 'cron_persistence', '--where', 'host');
    expect(stdout).toMatch(
      /^T1053\.003 Cron +cron_persistence-cron-d +host +cron_persistence +medium +\d+ +(passed|late)/m,
    );
    expect(stdout).toMatch(/\n(✔ 3 passed, 0 failed|✘ \d passed, \d failed)\n$/);
    expect(code).toBe(stdout.includes('✔ 3 passed') ? 0 : 1);
    const unknown = await norn.norn('attack', 'catalogue', '--only', 'nothing-like-it');
    expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('nothing-like-it')]);
  });

  it.each(['fileless', 'reverse-shell', 'miner'])('%s in a container is killed', async (scenario) => {
    const report = await norn.json<AttackReport>('attack', scenario, '--container');
    expect(report.problems).toEqual([]);
    expect(report.killedPids.length).toBeGreaterThan(0);
    expect(report.passed).toBe(true);
  });

  it('shows an alert with its container, its processes and what became of each file', async () => {
    const report = await norn.json<AttackReport>('attack', 'ransomware', '--container');
    const alert = await norn.json<Alert>('alert', report.alertId);
    expect(alert).toMatchObject({ id: report.alertId, containerId: report.containerId, state: 'remediated' });
    const attacker = alert.processes.find(({ images }) => images.some(({ path }) => path.endsWith('norn-attack')));
    expect(attacker).toMatchObject({ containerId: report.containerId, killed: true });
    expect(alert.fileList).toHaveLength(Object.values(alert.files).reduce((sum, count) => sum + count, 0));
  });

  it('shows the attack live on the alert page: container, process tree, details, files', async () => {
    const login = (await norn.norn('login')).stdout.match(/token=([\w-]+)/)?.[1] ?? '';
    const browser = await openBrowser();
    try {
      const { page, complaints } = await signIn(browser, { url: norn.url, login });
      await page.goto('/alerts');
      const report = await norn.json<AttackReport>('attack', 'ransomware', '--container');
      const shortId = report.containerId.slice(0, 12);
      // No reload: the new alert waits to be shown, or is shown already.
      await page.getByText(shortId).or(page.getByTestId('new-alerts')).first().waitFor();
      await page.goto(`/alerts/${report.alertId}`);
      await page.getByTestId('alert-header').getByTestId('container-id').getByText(shortId).waitFor();
      await page.getByTestId('files-row').first().waitFor();
      expect(await page.getByTestId('alert-state').innerText()).toMatch(/remediated/i);
      await page.getByTestId('process-row').filter({ hasText: 'norn-attack' }).last().click();
      const details = await page.getByTestId('process-details').innerText();
      expect(details).toContain(shortId);
      expect(details).toContain('/bin/norn-attack');
      expect(await page.getByTestId('files').innerText()).toMatch(/restored/i);
      await screenshot(page, 'attack');
      expect(complaints).toEqual([]);
    } finally {
      await browser.close();
    }
  });

  it('lists alerts and hosts for people and for machines', async () => {
    const alerts = await norn.json<Alert[]>('alerts');
    expect(alerts.length).toBeGreaterThan(0);
    expect(alerts[0]).toMatchObject({ files: { lost: 0 } });
    const [host] = await norn.json<{ capabilities: { available: boolean }[] }[]>('hosts');
    expect(host).toMatchObject({ state: 'protected', reason: '' });
    expect(host?.capabilities.some(({ available }) => available)).toBe(true);
    expect((await norn.norn('alerts')).stdout).toContain('CONTAINER');
  });

  it('undoes a restore, and restores the whole container', async () => {
    const { alertId } = await attackAndKeep();
    const restored = await norn.json<Alert>('alert', alertId);
    expect((await norn.json<{ state: string }>('undo', alertId)).state).toBe('succeeded');
    const undone = await norn.json<Alert>('alert', alertId);
    expect(undone).toMatchObject({ state: 'open', files: { restored: 0, removed: 0, unchanged: 0 } });
    expect(undone.fileList.every(({ verdict }) => verdict === 'changed')).toBe(true);
    expect((await norn.json<{ state: string }>('restore', alertId, '--container')).state).toBe('succeeded');
    const again = await norn.json<Alert>('alert', alertId);
    expect(again).toMatchObject({ state: 'remediated', files: { lost: 0, conflict: 0 } });
    expect(again.files.restored).toBeGreaterThanOrEqual(restored.files.restored);
  });

  it('lets a person decide about a file that somebody else changed since', async () => {
    const { alertId, containerId } = await attackAndKeep();
    await norn.json('undo', alertId);
    const { fileList } = await norn.json<Alert>('alert', alertId);
    const path = fileList.find((file) => /account-\d+\.(sql|docx|zip)$/.test(file.path))?.path ?? '';
    const read = () => docker('exec', containerId, '/bin/busybox', 'cat', path);
    await docker('exec', containerId, '/bin/busybox', 'sh', '-c', `echo "repaired by hand" > "${path}"`);
    expect((await norn.norn('restore', alertId)).code).toBe(1);
    expect(await norn.json<Alert>('alert', alertId)).toMatchObject({ files: { lost: 0, conflict: 1 } });
    const quarantined = await norn.json<{ path: string; alertId: string; verdict: string }[]>('quarantine');
    expect(quarantined).toContainEqual(expect.objectContaining({ path, alertId, verdict: 'conflict' }));
    expect(await read()).toBe('repaired by hand');
    expect((await norn.norn('restore', alertId, '--over-conflicts', path)).code).toBe(0);
    expect(await norn.json<Alert>('alert', alertId)).toMatchObject({ files: { lost: 0, conflict: 0 } });
    expect(await read()).not.toBe('repaired by hand');
    await norn.json('undo', alertId);
    expect(await read()).toBe('repaired by hand');
  });

  it('stops a container, restores it and starts it again: its layer holds nothing then', async () => {
    const { alertId, containerId } = await attackAndKeep();
    const processOf = () => docker('inspect', '--format', '{{.State.Pid}} {{.State.Running}}', containerId);
    const changed = () => docker('diff', containerId);
    expect((await norn.json<{ state: string }>('undo', alertId)).state).toBe('succeeded');
    const [before, spoiled] = [await processOf(), await changed()];
    expect(spoiled).not.toBe('');
    expect((await norn.json<{ state: string }>('restore', alertId, '--cold')).state).toBe('succeeded');
    expect(await norn.json<Alert>('alert', alertId)).toMatchObject({
      state: 'remediated',
      files: { lost: 0, conflict: 0 },
    });
    const after = await processOf();
    expect([after.endsWith('true'), after === before, await changed()]).toEqual([true, false, '']);
  });

  it('restores again without changing anything', async () => {
    const [alert] = await norn.json<Alert[]>('alerts', '--state', 'remediated');
    const again = await norn.json<{ state: string }>('restore', alert?.id ?? '');
    expect(again.state).toBe('succeeded');
  });
});
