// Is it over: what an alert says of its processes, as the store and the host have it. Real PostgreSQL, real ClickHouse.
import { setTimeout as sleep } from 'node:timers/promises';
import { finding } from '@norn/contracts';
import { CommandRecord, type AlertState } from '@norn/store';
import { type ApiTrial, startApiTrial } from './api-trial.ts';
import { AttackBuilder, type BuiltProcess } from './attack-builder.ts';
import { containerStart, reflex, webContainer } from './seeds/web-container.ts';
import { seedHost, seedTenant } from './seeds/index.ts';
import { type Home, storeAlert, storeContainerOf, storeTelemetry } from './store-attack.ts';

const ms = 1000;
const hour = 3_600_000 * ms;

interface Detail {
  alert: { runningProcesses: number; unknownProcesses: number; response: string; livesKnownAt: string };
  processes: { pid: number; blamed: boolean; ended: boolean; endFound: boolean }[];
  processesTotal: number;
  actions: { action: string; label: string; enabled: boolean; reason: string }[];
  telemetryPending: boolean;
}

let trial: ApiTrial;
let homes = 0;
beforeAll(async () => {
  trial = await startApiTrial();
});
afterAll(() => trial.close());

interface Scene {
  readonly home: Home;
  readonly attack: AttackBuilder;
  readonly login: BuiltProcess;
  readonly scope: BuiltProcess;
  readonly t0: number;
  /** Of whom a finding is, when it is not of the scope. */
  readonly blamed?: BuiltProcess;
}

/** A host of its own, a session on it, and in it what is blamed: a shell of six hours ago. */
async function scene({ inContainer = false, agoUs = 6 * hour } = {}): Promise<Scene> {
  homes += 1;
  const tenantId = `tenant-${homes}`;
  await seedTenant(trial, tenantId);
  const home = await seedHost(trial, tenantId, { name: `node-${homes}` });
  const attack = new AttackBuilder(`lives ${homes}`);
  const t0 = Date.now() * ms - agoUs;
  const login = inContainer
    ? containerStart(attack, t0 - hour)
    : attack.process(undefined, { pid: 900, startUs: t0 - hour, commands: ['-bash'] });
  const scope = attack.process(login, { pid: 1000, startUs: t0, commands: ['sh -c ./evil'] });
  return { home, attack, login, scope, t0 };
}

async function store(
  { home, attack, login, scope, t0, blamed = scope }: Scene,
  state: AlertState = 'open',
): Promise<string> {
  await storeTelemetry(trial, home, attack, login);
  return storeAlert(trial, home, attack, {
    ...{ title: 'Evil', summary: 'evil ran', severity: finding.Severity.HIGH, state, scope, origin: login },
    ...{ firstActUs: t0, atUs: t0 + 1000 * ms },
    findings: [
      reflex({ process: blamed, rule: 'r', title: 'Evil', summary: 'evil', techniques: [], us: t0 + 5, evidence: {} }),
    ],
  });
}

/** Of the page; the list and the overview say the same. */
async function read(id: string, { tenantId }: Home, lastSeen = 'now()'): Promise<Detail> {
  const token = await trial.tokenOf('responder', tenantId);
  const get = async <Answer>(path: string): Promise<Answer> => {
    await trial.control.query(`UPDATE hosts SET last_seen_at = ${lastSeen} WHERE tenant_id = $1`, [tenantId]);
    const answer = await fetch(`${trial.url}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } });
    return (await answer.json()) as Answer;
  };
  for (let tries = 0; tries < 900; tries += 1) {
    const detail = await get<Detail>(`/alerts/${id}`);
    if (!detail.telemetryPending && detail.processes.length > 0) {
      const { alerts } = await get<{ alerts: Detail['alert'][] }>('/alerts');
      const { lastAlerts } = await get<{ lastAlerts: Detail['alert'][] }>('/status');
      expect([...alerts, ...lastAlerts].map(said)).toEqual([said(detail.alert), said(detail.alert)]);
      return detail;
    }
    await sleep(100);
  }
  throw new Error('the processes of the alert never came');
}

const said = ({ runningProcesses, unknownProcesses, response }: Detail['alert']) => [
  ...[runningProcesses, unknownProcesses, response],
];

const killOf = ({ actions }: Detail) => actions.find(({ action }) => action === 'kill');
const lifeOf = ({ alert }: Detail) => [alert.runningProcesses, alert.unknownProcesses];

it('a process that ended hours after the last word about the alert has ended, and nothing is offered to be killed', async () => {
  const one = await scene();
  one.attack.event(one.scope, { kind: 3, us: one.t0 + 5 * hour, path: '', result: 0 });
  const detail = await read(await store(one), one.home);
  expect([lifeOf(detail), killOf(detail)]).toEqual([[0, 0], undefined]);
  expect(detail.processes.find(({ pid }) => pid === 1000)).toMatchObject({ ended: true, endFound: false });
});

it('what runs on a host that is heard runs, and can be killed', async () => {
  const one = await scene();
  const detail = await read(await store(one), one.home);
  expect([lifeOf(detail), killOf(detail)]).toMatchObject([[1, 0], { label: 'Kill 1 process', enabled: true }]);
});

it('nothing is calm while a process of what was remediated runs', async () => {
  const one = await scene();
  await read(await store(one, 'remediated'), one.home);
  const token = await trial.tokenOf('responder', one.home.tenantId);
  const answer = await fetch(`${trial.url}/api/v1/status`, { headers: { authorization: `Bearer ${token}` } });
  expect(await answer.json()).toMatchObject({
    mood: 'watch',
    summary: expect.stringMatching(/processes of 1 remediated alert still run/),
  });
});

it('of a silent host it is not known, neither running nor over, and since when', async () => {
  const one = await scene();
  const detail = await read(await store(one), one.home, "'2026-11-29T10:40:00Z'");
  expect(lifeOf(detail)).toEqual([0, 1]);
  expect(detail.alert.response).toMatch(/^Whether 1 process of it still runs is not known since 2026-11-29 10:40 UTC/);
  expect(killOf(detail)).toMatchObject({
    enabled: false,
    reason: expect.stringMatching(/not known since 2026-11-29 10:40/),
  });
});

it('what a restarted agent, or one after a reboot, does not find running has ended, though another has its pid', async () => {
  const one = await scene();
  const kept = one.attack.process(one.scope, { pid: 1001, startUs: one.t0 + 5, commands: ['miner'] });
  const reused = one.attack.process(one.login, { pid: 1000, startUs: one.t0 + 2 * hour, commands: ['cat'] });
  for (const process of [one.login, kept, reused])
    one.attack.event(process, { kind: 4, us: one.t0 + 3 * hour, path: '' });
  const detail = await read(await store(one), one.home);
  expect(lifeOf(detail)).toEqual([1, 0]);
  // As of when the host was heard, not of when its agent started.
  expect(Date.parse(detail.alert.livesKnownAt)).toBeGreaterThan((one.t0 + 4 * hour) / ms);
  const lives = detail.processes
    .filter(({ blamed }) => blamed)
    .map(({ pid, ended, endFound }) => [pid, ended, endFound]);
  expect(lives).toEqual([
    [1000, true, true],
    [1001, false, false],
  ]);
});

it('a kill names what runs and has no parent any more: an agent that started since could not find it', async () => {
  const one = await scene();
  const orphan = one.attack.process(one.scope, { pid: 1001, startUs: one.t0 + 5, commands: ['miner'] });
  one.attack.event(orphan, { kind: 4, us: one.t0 + 3 * hour, path: '' });
  const id = await store(one);
  expect(killOf(await read(id, one.home))).toMatchObject({ label: 'Kill 1 process' });
  const headers = { authorization: `Bearer ${await trial.tokenOf('responder', one.home.tenantId)}` };
  await fetch(`${trial.url}/api/v1/alerts/${id}/kill`, { method: 'POST', headers });
  const { scopeUids } = await trial.control.manager.findOneByOrFail(CommandRecord, { alertId: id });
  expect(scopeUids).toEqual([one.scope.uid, orphan.uid]);
});

it('what the host told may be lost on its way: not known until its agent tells again of all that runs', async () => {
  const one = await scene();
  const kept = one.attack.process(one.scope, { pid: 1001, startUs: one.t0 + 5, commands: ['miner'] });
  const late = one.attack.process(one.scope, { pid: 1002, startUs: one.t0 + 6, commands: ['beacon'] });
  one.attack.event(one.login, { kind: 4, us: one.t0 - hour, path: '' });
  one.attack.event(late, { kind: 4, us: one.t0 + 3 * hour, path: '' });
  one.attack.event(one.login, { kind: 40, us: one.t0 + 2 * hour, path: '', flags: 3, value: 8000 });
  const id = await store(one);
  const doubtful = await read(id, one.home);
  expect(lifeOf(doubtful)).toEqual([1, 2]);
  expect(killOf(doubtful)).toMatchObject({ label: 'Kill 1 process' });

  const again = new AttackBuilder('told again');
  for (const process of [one.login, kept, late])
    again.event(process, { kind: 4, us: one.t0 + 4 * hour, path: '', flags: 1 });
  await storeTelemetry(trial, one.home, again, one.login);
  const detail = await read(id, one.home);
  expect(lifeOf(detail)).toEqual([2, 0]);
  expect(detail.processes.find(({ pid }) => pid === 1000)).toMatchObject({ ended: true, endFound: true });
});

it('an agent that told of all that runs, and whose telling was lost in part, ends nobody', async () => {
  const one = await scene();
  one.attack.event(one.login, { kind: 4, us: one.t0 + 2 * hour, path: '', flags: 1 });
  one.attack.event(one.login, { kind: 40, us: one.t0 + 2 * hour + 1, path: '', flags: 4, value: 10 });
  const detail = await read(await store(one), one.home);
  expect(lifeOf(detail)).toEqual([0, 1]);
  expect(detail.alert.response).toMatch(/^Whether 1 process of it still runs is not known since .* was lost then/);
});

it('what is stored of a host may be behind: what has no end is not said to run', async () => {
  const one = await scene();
  one.attack.event(one.scope, { kind: 10, us: one.t0 + 1000, path: '/srv/a', flags: 1 });
  const id = await store(one);
  const told = (us: number) =>
    trial.control.query(
      `UPDATE hosts SET facts = jsonb_set(facts, '{health}', facts->'health' || $2::jsonb) WHERE tenant_id = $1`,
      [one.home.tenantId, JSON.stringify({ newestEventAtUs: String(us) })],
    );
  await told(one.t0 + hour);
  const behind = await read(id, one.home);
  expect(lifeOf(behind)).toEqual([0, 1]);
  expect(behind.alert.response).toMatch(/^Whether 1 process of it still runs is not known since .* is not stored yet/);
  await told(one.t0 + 1000);
  expect(lifeOf(await read(id, one.home))).toEqual([1, 0]);
});

it('an end that the agent found after a gap is an end', async () => {
  const one = await scene();
  one.attack.event(one.scope, { kind: 3, us: one.t0 + hour, path: '', flags: 1 });
  const detail = await read(await store(one), one.home);
  expect(lifeOf(detail)).toEqual([0, 0]);
  expect(detail.processes.find(({ pid }) => pid === 1000)).toMatchObject({ ended: true, endFound: true });
});

it('with its container all its processes have ended, and the container is not offered to be killed', async () => {
  const one = await scene({ inContainer: true });
  await storeContainerOf(trial, one.home, webContainer, { startUs: one.t0 - hour, endUs: one.t0 + hour });
  const detail = await read(await store(one), one.home);
  expect([lifeOf(detail), killOf(detail)]).toEqual([[0, 0], undefined]);
  expect(detail.actions.map(({ action }) => action)).not.toContain('kill-container');
});

it('what runs of a tree that is larger than a page is found, and the dead on the way to a finding are not said to run', async () => {
  const one = await scene();
  const dead = { endUs: one.t0 + hour, exitStatus: 0 };
  for (let at = 0; at < 2500; at += 1)
    one.attack.process(one.scope, { pid: 2000 + at, startUs: one.t0 + 10 + at, commands: ['true'], ...dead });
  const shell = one.attack.process(one.scope, { pid: 5000, startUs: one.t0 + 5000, commands: ['bash -c x'], ...dead });
  const deep = one.attack.process(shell, { pid: 5001, startUs: one.t0 + 5001, commands: ['./evil'], ...dead });
  for (const pid of [6001, 6002, 6003])
    one.attack.process(one.scope, { pid, startUs: one.t0 + 1_000_000 + pid, commands: ['sleep 900'] });
  const detail = await read(await store({ ...one, blamed: deep }), one.home);
  expect(lifeOf(detail)).toEqual([4, 0]);
  expect(detail.processes.filter(({ ended }) => !ended).map(({ pid }) => pid)).toEqual([900, 1000, 6001, 6002, 6003]);
  expect(killOf(detail)).toMatchObject({ label: 'Kill 4 processes' });
});

it('an agent that has just started may still be telling: not known, for a minute', async () => {
  const one = await scene();
  const kept = one.attack.process(one.scope, { pid: 1001, startUs: one.t0 + 5, commands: ['miner'] });
  for (const process of [one.login, kept])
    one.attack.event(process, { kind: 4, us: Date.now() * ms - 5_000_000, path: '' });
  expect(lifeOf(await read(await store(one), one.home))).toEqual([1, 1]);
});

it('shows the attack of one process as that, and not the session that it was in', async () => {
  const one = await scene();
  for (let at = 0; at < 3000; at += 1)
    one.attack.process(one.login, { pid: 2000 + at, startUs: one.t0 + at, commands: ['gcc'] });
  const detail = await read(await store(one), one.home);
  expect([detail.processes.map(({ pid }) => pid), detail.processesTotal]).toEqual([[900, 1000], 2]);
});

it('a list learns of what began after its alert was looked at last, without anybody opening it', async () => {
  const one = await scene({ agoUs: 60_000 * ms });
  const id = await store(one);
  expect(lifeOf(await read(id, one.home))).toEqual([1, 0]);
  for (const pid of [1001, 1002]) one.attack.process(one.scope, { pid, startUs: Date.now() * ms, commands: ['miner'] });
  await storeTelemetry(trial, one.home, one.attack, one.login);
  await trial.control.query(`UPDATE attack_summaries SET made_at = made_at - interval '20 s' WHERE alert_id = $1`, [
    id,
  ]);
  const token = await trial.tokenOf('responder', one.home.tenantId);
  const listed = async (): Promise<number | undefined> => {
    await trial.control.query('UPDATE hosts SET last_seen_at = now() WHERE tenant_id = $1', [one.home.tenantId]);
    const answer = await fetch(`${trial.url}/api/v1/alerts`, { headers: { authorization: `Bearer ${token}` } });
    const { alerts } = (await answer.json()) as { alerts: Detail['alert'][] };
    return alerts[0]?.runningProcesses;
  };
  while ((await listed()) !== 3) await sleep(100);
});
