// Any alert opens at once: 10,000 processes and 60 findings, in a store of 100 million events.
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
} from '../stores/stored-alert.ts';

jest.setTimeout(3_600_000);

const events = 100_000_000;
const rowsMax = 20_000;
const openings = 30;

let trial: ApiTrial;
beforeAll(async () => {
  trial = await startApiTrial();
});
afterAll(() => trial.close());

it('opens an alert of ten thousand processes among a hundred million events by its keys', async () => {
  const homes = await homesOf(trial);
  const [home] = homes;
  if (home === undefined) throw new Error('There is no host');
  await fillStore(trial, homes, events);
  await fillProcesses(trial, homes, events / 20);
  const id = await storeLargeAlert(trial, home, 10_000);
  const begun = performance.now();
  const body = await untilKept(trial, id);
  const made = performance.now() - begun;
  expect([body.processes.length, body.processesTotal, body.findings.length]).toEqual([2001, 10_001, 60]);
  await settle(trial, id);
  const { rows, ms, bytes } = await costOfOpening(trial, id, openings);
  process.stdout.write(
    `${events / 1e6} M events: put together in ${made.toFixed(0)} ms, then opened ${openings} times: p50 ${(ms[openings / 2] ?? 0).toFixed(0)} ms, ` +
      `max ${(ms.at(-1) ?? 0).toFixed(0)} ms, ${(bytes / 1e6).toFixed(1)} MB, at most ${rows} rows read\n`,
  );
  expect(rows).toBeLessThan(rowsMax);
});
