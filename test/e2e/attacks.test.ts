// The promise of the README: an attack is seen, stopped and undone, in a container and on the host.
import { openBrowser, screenshot, signIn } from './console/browser.ts';
import { startInstallation, type Installation } from './installation.ts';

interface Report {
  containerId: string;
  alertId: string;
  severity: string;
  state: string;
  killedPids: number[];
  files: Record<'restored' | 'removed' | 'unchanged' | 'lost' | 'conflict', number>;
  verdict: { identical: boolean; files: number; differences: string[] };
  problems: string[];
  passed: boolean;
}

interface Alert {
  id: string;
  containerId: string;
  severity: string;
  state: string;
  createdAt: string;
  files: Report['files'];
  processes: { processUid: string; containerId: string; killed: boolean; images: { path: string }[] }[];
  fileList: { path: string; verdict: string }[];
}

jest.setTimeout(900_000);

describe('a whole installation', () => {
  let norn: Installation;

  beforeAll(async () => {
    norn = await startInstallation(7700);
  });
  afterAll(() => norn.stop());

  describe.each(['in-place', 'write-new-unlink', 'write-new-rename-over', 'rename-then-write', 'truncate-then-write'])(
    'ransomware that works %s',
    (mode) => {
      it.each(['--container', '--host'])('is stopped and undone, every file identical (%s)', async (place) => {
        const report = await norn.json<Report>('attack', 'ransomware', place, '--mode', mode);
        expect(report.problems).toEqual([]);
        expect(report).toMatchObject({ passed: true, state: 'remediated', severity: 'critical' });
        expect(report.verdict).toMatchObject({ identical: true, files: 301 });
        expect(report.files).toMatchObject({ lost: 0, conflict: 0 });
        expect(report.files.restored + report.files.removed).toBeGreaterThan(0);
        expect(report.containerId).toMatch(place === '--container' ? /^[0-9a-f]{64}$/ : /^$/);
      });
    },
  );

  it.each(['fileless', 'reverse-shell', 'miner'])('%s in a container is killed', async (scenario) => {
    const report = await norn.json<Report>('attack', scenario, '--container');
    expect(report.problems).toEqual([]);
    expect(report.killedPids.length).toBeGreaterThan(0);
    expect(report.passed).toBe(true);
  });

  it('shows an alert with its container, its processes and what became of each file', async () => {
    const report = await norn.json<Report>('attack', 'ransomware', '--container');
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
      const report = await norn.json<Report>('attack', 'ransomware', '--container');
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
    const [host] = await norn.json<{ state: string; capabilities: { available: boolean }[] }[]>('hosts');
    expect(host?.state).toBe('protected');
    expect(host?.capabilities.some(({ available }) => available)).toBe(true);
    expect((await norn.norn('alerts')).stdout).toContain('CONTAINER');
  });

  it('restores again without changing anything', async () => {
    const [alert] = await norn.json<Alert[]>('alerts', '--state', 'remediated');
    const again = await norn.json<{ state: string }>('restore', alert?.id ?? '');
    expect(again.state).toBe('succeeded');
  });
});
