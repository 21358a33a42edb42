// Every action of the catalogue gives its alert, in a container and on the host. Whether within two seconds is for a quiet machine: it is said.
// @norn-strict
import { startInstallation, type Installation } from '../e2e/installation.ts';

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
});
