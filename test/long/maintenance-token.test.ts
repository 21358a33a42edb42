// A maintenance token that is wrong, and one that stops the agent while the installation is away: through a real tyr and a real ingest.
// @norn-strict
import { makeMaintenanceToken } from '@norn/contracts';
import { AuditEntry, maintenanceTokenOf } from '@norn/store';
import { MaintenanceLock } from '@norn/tyr';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Link, type PartProcess, startLink } from '../agent-link/link.ts';

let link: Link;
let lock: MaintenanceLock;
let starts = 0;

beforeAll(async () => {
  link = await startLink();
  lock = new MaintenanceLock(link.agentDir);
});
afterAll(() => link.close());

async function until(isIt: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 90_000;
  while (!(await isIt())) {
    if (performance.now() > deadline) throw new Error('It has not become so');
    await sleep(100);
  }
}

/** Returns when it takes signals. */
async function startTyr(): Promise<PartProcess> {
  const tyr = link.startTyr();
  starts++;
  await until(() => link.log('tyr').split('"running"').length > starts);
  return tyr;
}

it('that is wrong is in the trail', async () => {
  const ingest = await link.startIngest();
  const tyr = await startTyr();
  const { tenantId, hostId } = await link.identity();
  const refused = (): Promise<AuditEntry[]> => link.control.manager.findBy(AuditEntry, { action: 'host.stop_refused' });
  await until(() => lock.isLocked());
  expect(await refused()).toEqual([]);
  lock.refuse();
  await until(async () => (await refused()).length > 0);
  expect(await refused()).toMatchObject([{ tenantId, actor: 'agent', subject: hostId, details: { total: 1 } }]);
  await tyr.kill('SIGTERM');
  await ingest.kill('SIGTERM');
});

it('is heard when the agent is back, and until then the token stops it no second time', async () => {
  let ingest = await link.startIngest();
  let tyr = await startTyr();
  const { tenantId, hostId } = await link.identity();
  const token = async (): Promise<string> => (await maintenanceTokenOf(link.control, tenantId, hostId)) ?? '';
  const stops = (): Promise<AuditEntry[]> =>
    link.control.manager.findBy(AuditEntry, { action: 'host.stopped_by_token' });
  await until(async () => lock.opens(await token()));
  const first = await token();
  await ingest.kill('SIGTERM');
  expect([lock.opens(makeMaintenanceToken()), lock.opens(first)]).toEqual([false, true]);
  lock.leaveWith(first);
  await tyr.kill('SIGTERM');
  expect([lock.isLocked(), lock.opens(first)]).toEqual([true, false]);

  // Started and ended once more before anybody hears of it.
  tyr = await startTyr();
  await tyr.kill('SIGTERM');
  expect([await token(), await stops()]).toEqual([first, []]);

  tyr = await startTyr();
  ingest = await link.startIngest();
  await until(async () => lock.opens(await token()));
  expect(await token()).not.toBe(first);
  expect(await stops()).toMatchObject([{ tenantId, actor: 'agent', subject: hostId, details: { toldLater: true } }]);
  await tyr.kill('SIGTERM');
  await ingest.kill('SIGTERM');
  // The agent was stopped by nobody who gave a token this time.
  expect(await stops()).toHaveLength(1);
});
