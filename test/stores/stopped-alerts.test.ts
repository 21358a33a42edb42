// Alerts from before an alert could be "stopped" are shown as what they are once the control plane is brought up to date.
// @norn-strict
import { AlertHandling, CommandRecord, createControlStore } from '@norn/store';
import { startPostgres, type TestPostgres } from '@norn/testkit';
import type { DataSource } from 'typeorm';

let postgres: TestPostgres;
let store: DataSource;
const open = () => createControlStore({ postgresUrl: postgres.urlWithPassword, poolMax: 2 });
beforeAll(async () => {
  postgres = await startPostgres();
  store = await open();
});
afterAll(async () => {
  await store.destroy();
  await postgres.stop();
});

interface Old {
  readonly id: string;
  readonly restored: number;
  readonly conflict: number;
  readonly lost: number;
  readonly state?: string;
  /** What each of its restores changed and said. */
  readonly restores: readonly (readonly [number, string])[];
}

const old: readonly Old[] = [
  { id: 'waits', restored: 0, conflict: 21, lost: 1, restores: [[0, '22 files in 9 ms']] },
  {
    id: 'whole',
    restored: 7,
    conflict: 0,
    lost: 0,
    restores: [
      [7, '7 files in 9 ms'],
      [0, '7 files in 3 ms'],
    ],
  },
  { id: 'lost', restored: 6, conflict: 0, lost: 1, restores: [[6, '7 files in 9 ms']] },
  { id: 'archived', restored: 0, conflict: 2, lost: 0, state: 'archived', restores: [[0, '2 files in 1 ms']] },
];

async function keep({ id, restored, conflict, lost, state = 'remediated', restores }: Old): Promise<void> {
  await store.query(
    `INSERT INTO alert_handlings (id, tenant_id, host_id, version, severity, state, container_id, files_restored, files_conflict, files_lost, body, created_at, updated_at)
     VALUES ($1, 't', 'h', 1, 5, $2, '', $3, $4, $5, '', now(), now())`,
    [id, state, restored, conflict, lost],
  );
  for (const [at, [changed, message]] of restores.entries())
    await store.query(
      `INSERT INTO commands (id, tenant_id, host_id, alert_id, action, state, code, message, requested_by, epoch, files_changed, signed, expires_at, retry_at)
       VALUES ($1, 't', 'h', $2, 'restore', 'succeeded', 'ok', $3, 'policy', $4, $5, '', now(), now())`,
      [`${id} ${at}`, id, message, at, changed],
    );
}

it('gives old alerts their state and old commands their counts', async () => {
  const name = 'StoppedAlerts1760000000020';
  const migration = store.migrations.find((each) => each.name === name);
  const runner = store.createQueryRunner();
  await migration?.down(runner);
  await runner.query('DELETE FROM control_migrations WHERE name = $1', [name]);
  await runner.release();
  for (const one of old) await keep(one);
  await store.destroy();
  store = await open();
  const states = await store.manager.find(AlertHandling, { order: { id: 'ASC' } });
  expect(states.map(({ id, state }) => [id, state])).toEqual([
    ['archived', 'archived'],
    ['lost', 'stopped'],
    ['waits', 'stopped'],
    ['whole', 'remediated'],
  ]);
  const commands = await store.manager.find(CommandRecord, { order: { id: 'ASC' } });
  const counts = commands.map(({ id, filesChanged, filesUnchanged, filesLost, filesConflict }) => [
    ...[id, filesChanged, filesUnchanged, filesLost, filesConflict],
  ]);
  expect(counts).toEqual([
    ['archived 0', 0, 0, 0, 2],
    ['lost 0', 6, 0, 1, 0],
    ['waits 0', 0, 0, 1, 21],
    ['whole 0', 7, 0, 0, 0],
    ['whole 1', 0, 7, 0, 0],
  ]);
});
