// The tables of the control plane: made in one place, waited for in all others, and as the entities say.
// @norn-strict
import { setTimeout as sleep } from 'node:timers/promises';
import { createControlStore, openControlStore } from '@norn/store';
import { type TestPostgres, startPostgres } from '@norn/testkit';
import type { DataSource } from 'typeorm';

let postgres: TestPostgres;
let store: DataSource;
let waited: 'opened before there were tables' | 'waited';
beforeAll(async () => {
  postgres = await startPostgres();
  const config = { postgresUrl: postgres.urlWithPassword };
  const opening = openControlStore(config);
  waited = await Promise.race([
    opening.then(() => 'opened before there were tables' as const),
    sleep(2_000, 'waited' as const),
  ]);
  store = await createControlStore(config);
  await (await opening).destroy();
});
afterAll(async () => {
  await store.destroy();
  await postgres.stop();
});

/** What SQL alone reads and writes: rows that are added up, many at once, and what migrations have been run. */
const withoutEntity = [
  'audit_seals',
  'audit_unsealed',
  'control_migrations',
  'file_verdicts',
  'host_presence',
  'ingest_beats',
  'rule_costs',
];

interface Column {
  readonly table: string;
  readonly name: string;
  readonly type: string;
  readonly isNullable: boolean;
}

async function columns(): Promise<Map<string, Column[]>> {
  const rows = await store.query<Column[]>(
    `SELECT relname AS "table", attname AS name, format_type(atttypid, NULL) AS type, NOT attnotnull AS "isNullable"
     FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped`,
  );
  return Map.groupBy(rows, ({ table }) => table);
}

const byName = (a: Column, b: Column): number => (a.name < b.name ? -1 : 1);

describe('the control plane', () => {
  it('is not opened before its tables are there', () => {
    expect(waited).toBe('waited');
  });

  it('has a table for each entity, and an entity for each table but those of SQL alone', async () => {
    const entities = store.entityMetadatas.map(({ tableName }) => tableName);
    expect([...(await columns()).keys()].sort()).toEqual([...entities, ...withoutEntity].sort());
  });

  it('has in each table the columns that its entity says, with their types and whether they may be empty', async () => {
    const tables = await columns();
    for (const { tableName, columns: said } of store.entityMetadatas) {
      const wanted = said.map((column): Column => ({
        table: tableName,
        name: column.databaseName,
        type: store.driver.normalizeType(column) + (column.isArray ? '[]' : ''),
        isNullable: column.isNullable,
      }));
      expect(tables.get(tableName)?.sort(byName)).toEqual(wanted.sort(byName));
    }
  });
});
