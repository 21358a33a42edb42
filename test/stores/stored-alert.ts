// An alert of very many processes in a store of very many events, of several tenants and hosts: for proofs of what opening it costs.
import { setTimeout as sleep } from 'node:timers/promises';
import { finding } from '@norn/contracts';
import {
  AttackBuilder,
  type ApiTrial,
  type BuiltProcess,
  type Home,
  reflex,
  seedHost,
  seedTenant,
  storeAlert,
  storeTelemetry,
} from '@norn/api/trial';

const ms = 1000;
/** Rows of one INSERT … SELECT: of events, and of processes, whose rows are larger. */
const chunk = 1_000_000;
const processesChunk = 250_000;

/** A statement that may take minutes: the client of the trial gives up after half of one. */
async function fill({ clickhouse }: ApiTrial, statement: string): Promise<void> {
  const settings = new URLSearchParams({
    database: clickhouse.database,
    max_threads: '2',
    max_memory_usage: '3000000000',
  });
  const headers = { 'X-ClickHouse-User': 'norn_writer', 'X-ClickHouse-Key': clickhouse.writerPassword };
  const answer = await fetch(`${clickhouse.url}/?${settings.toString()}`, { method: 'POST', headers, body: statement });
  const said = await answer.text();
  if (!answer.ok) throw new Error(`The store could not be filled: ${said.slice(0, 500)}`);
}

/** Events of the last day on `hosts` hosts of `tenants` tenants, the first of them the alert's. */
export async function fillStore(trial: ApiTrial, homes: readonly Home[], events: number): Promise<void> {
  const names = homes.map(({ tenantId, hostId }) => `('${tenantId}', '${hostId}')`).join(', ');
  for (let from = 0; from < events; from += chunk) {
    await fill(
      trial,
      `INSERT INTO events SELECT
        [${names}][1 + intDiv(number, 1000) % ${homes.length}].1, [${names}][1 + intDiv(number, 1000) % ${homes.length}].2,
        now64(6) - toIntervalMicrosecond(intDiv(number * 86400000000, ${events})),
        [1, 2, 3, 10, 10, 10, 10, 12, 13, 20][1 + number % 10],
        toFixedString(reinterpretAsFixedString(toUInt128(1)), 16), number, number % 65536,
        reinterpretAsFixedString(toUInt128(1000000 + intDiv(number, 20))), reinterpretAsFixedString(toUInt128(500000 + intDiv(number, 100000))),
        number % 4000000, '', concat('/usr/bin/tool-', toString(number % 50)), concat('/var/lib/app/', toString(number % 1000)),
        '', 0, 0, 0
        FROM numbers(${from}, ${Math.min(chunk, events - from)})`,
    );
  }
}

/** Processes of the hosts besides: one in twenty events begins one. */
export async function fillProcesses(trial: ApiTrial, homes: readonly Home[], processes: number): Promise<void> {
  const names = homes.map(({ tenantId, hostId }) => `('${tenantId}', '${hostId}')`).join(', ');
  for (let from = 0; from < processes; from += processesChunk) {
    await fill(
      trial,
      `INSERT INTO processes (tenant_id, host_id, process_uid, image_number, parent_uid, lineage_uid, ancestor_uids, pid, image_path,
          command_line, start_time, image_time, seen_time, version)
        SELECT [${names}][1 + number % ${homes.length}].1, [${names}][1 + number % ${homes.length}].2,
          reinterpretAsFixedString(toUInt128(1000000 + number)), 1, reinterpretAsFixedString(toUInt128(500000 + intDiv(number, 5000))),
          reinterpretAsFixedString(toUInt128(500000 + intDiv(number, 5000))),
          [reinterpretAsFixedString(toUInt128(500000 + intDiv(number, 5000)))], number % 4000000, '/usr/bin/tool', 'tool --work',
          now64(6) - toIntervalSecond(number % 86400), now64(6), now64(6), 1
        FROM numbers(${from}, ${Math.min(processesChunk, processes - from)})`,
    );
  }
}

export async function homesOf(trial: ApiTrial): Promise<Home[]> {
  const homes: Home[] = [];
  for (const tenantId of ['default', 'acme', 'globex']) {
    await seedTenant(trial, tenantId);
    for (const name of ['node-1', 'node-2'])
      homes.push(await seedHost(trial, tenantId, { name: `${tenantId}-${name}` }));
  }
  return homes;
}

/** Of `size` processes in one tree, each fourth of them with a finding until there are 60. */
export async function storeLargeAlert(trial: ApiTrial, home: Home, size: number): Promise<string> {
  const attack = new AttackBuilder(`large ${size}`);
  const t0 = Date.now() * ms - 2 * 3_600_000 * ms;
  const login = attack.process(undefined, { pid: 900, startUs: t0 - 1000 * ms, commands: ['-bash'] });
  const all: BuiltProcess[] = [attack.process(login, { pid: 1000, startUs: t0, commands: ['sh -c ./evil'] })];
  for (let at = 1; at < size; at += 1) {
    const parent = all[Math.floor((at - 1) / 4)];
    const startUs = t0 + at * 50;
    all.push(attack.process(parent, { pid: 1000 + at, startUs, endUs: startUs + 900, commands: [`evil ${at}`] }));
  }
  await storeTelemetry(trial, home, attack, login);
  const [scope = login] = all;
  return storeAlert(trial, home, attack, {
    ...{ title: 'Evil', summary: `evil ran ${size} processes`, severity: finding.Severity.HIGH, state: 'open' },
    ...{ scope, origin: login, firstActUs: t0, atUs: t0 + size * 50 },
    findings: all
      .filter((_, at) => at % 4 === 0)
      .slice(0, 60)
      .map((process, at) =>
        reflex({
          process,
          rule: `rule-${at}`,
          title: 'Evil',
          summary: 'evil',
          techniques: [],
          us: process.startUs + 5,
          evidence: {},
        }),
      ),
  });
}

export interface Opened {
  readonly processes: readonly unknown[];
  readonly processesTotal: number;
  readonly findings: readonly unknown[];
  readonly telemetryPending: boolean;
  readonly telemetryProblem: string;
}

/** As a page does: how long it took, and what came. */
export async function openAlert(trial: ApiTrial, id: string): Promise<{ ms: number; body: Opened; bytes: number }> {
  const token = await trial.tokenOf('viewer');
  const begun = performance.now();
  const answer = await fetch(`${trial.url}/api/v1/alerts/${id}`, { headers: { authorization: `Bearer ${token}` } });
  const text = await answer.text();
  return { ms: performance.now() - begun, body: JSON.parse(text) as Opened, bytes: text.length };
}

/** Once what its processes did is put together. */
export async function untilKept(trial: ApiTrial, id: string): Promise<Opened> {
  for (let tries = 0; tries < 1200; tries += 1) {
    const { body } = await openAlert(trial, id);
    if (body.telemetryProblem !== '') throw new Error(body.telemetryProblem);
    if (!body.telemetryPending && body.processes.length > 0) return body;
    await sleep(250);
  }
  throw new Error('what the processes of the alert did was never put together');
}

/** Rows that ClickHouse has read for anybody since it started. */
export async function rowsRead(trial: ApiTrial): Promise<number> {
  const answer = await trial.events.query({
    query: `SELECT value FROM system.events WHERE event = 'SelectedRows'`,
    format: 'JSONEachRow',
  });
  const [row] = await answer.json<{ value: string }>();
  return Number(row?.value ?? 0);
}

/** The most that one of several openings made ClickHouse read, and how long each took. */
export async function costOfOpening(
  trial: ApiTrial,
  id: string,
  times: number,
): Promise<{ rows: number; ms: number[]; bytes: number }> {
  const rows: number[] = [];
  const took: number[] = [];
  let size = 0;
  for (let at = 0; at < times; at += 1) {
    const before = await rowsRead(trial);
    const { ms: each, bytes } = await openAlert(trial, id);
    rows.push((await rowsRead(trial)) - before);
    took.push(each);
    size = bytes;
  }
  return { rows: Math.max(...rows), ms: took.sort((a, b) => a - b), bytes: size };
}

/** As a quarter of an hour later: nothing more is added to the alert, and it is not looked for. */
export async function settle(trial: ApiTrial, id: string): Promise<void> {
  await trial.control.query('UPDATE attack_summaries SET settled = true WHERE alert_id = $1', [id]);
}
