// Every action of the catalogue gives its alert, in a container and on the host. Whether within two seconds is for a quiet machine: it is said.
import { startInstallation, type Installation } from './installation.ts';

interface Report {
  passed: number;
  failed: number;
  skipped: number;
  results: { action: string; place: string; result: string; note: string; ms: number; containerId: string }[];
}

jest.setTimeout(900_000);

describe('the catalogue of attack actions', () => {
  let norn: Installation;

  beforeAll(async () => {
    norn = await startInstallation(7780);
  });
  afterAll(() => norn.stop());

  it('is found action by action: the right rule, severity, process and container', async () => {
    const { results } = await norn.json<Report>('attack', 'catalogue');
    // A tool that is not installed is said and counted; every rule has an action that needs none.
    const late = results.filter(({ result }) => result === 'late');
    if (late.length > 0)
      console.log(`${late.length} of ${results.length} actions were found late: this machine is busy`);
    const found = results.filter(({ result }) => result === 'passed' || result === 'late');
    expect(results.filter((each) => !found.includes(each) && each.result !== 'skipped')).toEqual([]);
    expect(results.filter(({ result }) => result === 'skipped').length).toBeLessThan(results.length / 10);
    const inContainers = found.filter(({ place }) => place === 'container');
    expect(inContainers.length).toBeGreaterThanOrEqual(30);
    for (const { containerId } of inContainers) expect(containerId).toMatch(/^[0-9a-f]{64}$/);
    expect(found.length).toBeGreaterThanOrEqual(80);
  });

  it('is printed as a table by technique, and ends with 1 when an action is unknown', async () => {
    const { stdout, code } = await norn.norn('attack', 'catalogue', '--only', 'cron_persistence', '--where', 'host');
    expect(stdout).toMatch(
      /^T1053\.003 Cron +cron_persistence-cron-d +host +cron_persistence +medium +\d+ +(passed|late)/m,
    );
    expect(stdout).toMatch(/\n(✔ 3 passed, 0 failed|✘ \d passed, \d failed)\n$/);
    expect(code).toBe(stdout.includes('✔ 3 passed') ? 0 : 1);
    const unknown = await norn.norn('attack', 'catalogue', '--only', 'nothing-like-it');
    expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('nothing-like-it')]);
  });
});
