// Brings the schema up to date: each file of migrations/ once, in order of their names.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ClickHouseClient } from '@clickhouse/client';
import { NornError, messageOf } from '@norn/base';

const folder = fileURLToPath(new URL('./migrations', import.meta.url));

/** Statements are repeatable (IF NOT EXISTS), so a migration that was cut off is finished by the next start. */
export async function migrate(client: ClickHouseClient): Promise<void> {
  try {
    await client.command({
      query: `CREATE TABLE IF NOT EXISTS schema_migrations (name String, at DateTime DEFAULT now())
        ENGINE = MergeTree ORDER BY name`,
    });
    const done = await client.query({ query: 'SELECT name FROM schema_migrations', format: 'JSONEachRow' });
    const names = new Set((await done.json<{ name: string }>()).map(({ name }) => name));
    for (const name of readdirSync(folder).sort()) if (!names.has(name)) await apply(client, name);
  } catch (error) {
    const cure = 'see whether ClickHouse runs, and whether norn_writer may create tables';
    throw new NornError('store_away', `The schema cannot be brought up to date (${messageOf(error)}): ${cure}`, {
      cause: error,
    });
  }
}

async function apply(client: ClickHouseClient, name: string): Promise<void> {
  const text = readFileSync(join(folder, name), 'utf8').replace(/^\s*--.*$/gm, '');
  for (const statement of text.split(';')) {
    if (statement.trim() !== '') await client.command({ query: statement });
  }
  await client.insert({ table: 'schema_migrations', values: [{ name }], format: 'JSONEachRow' });
}
