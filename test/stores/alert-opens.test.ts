// What opening an alert costs does not grow with what is stored: the short form of test/long/alert-opens.test.ts.
// @norn-strict
import { type ApiTrial, startApiTrial } from '@norn/api/trial';
import {
  costOfOpening,
  fillProcesses,
  fillStore,
  homesOf,
  settle,
  storeLargeAlert,
  untilKept,
} from './stored-alert.ts';

jest.setTimeout(400_000);

/** Of the system table that is asked, of files, of the tenant's hosts: nothing that a host did. */
const rowsMax = 20_000;

let trial: ApiTrial;
beforeAll(async () => {
  trial = await startApiTrial();
});
afterAll(() => trial.close());

it('opens an alert of many processes among a million events by its keys', async () => {
  const homes = await homesOf(trial);
  const [home] = homes;
  if (home === undefined) throw new Error('There is no host');
  await fillStore(trial, homes, 1_000_000);
  await fillProcesses(trial, homes, 50_000);
  const id = await storeLargeAlert(trial, home, 2_500);
  const body = await untilKept(trial, id);
  expect([body.processes.length, body.processesTotal, body.findings.length]).toEqual([2001, 2501, 60]);
  await settle(trial, id);
  expect((await costOfOpening(trial, id, 3)).rows).toBeLessThan(rowsMax);
});
