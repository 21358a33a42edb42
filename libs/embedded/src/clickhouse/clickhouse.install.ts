// Compiles the launcher that runs the ClickHouse inside libchdb.so. The library itself stays where npm put it (566 MB).
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../process/command.ts';
import { provide } from '../toolchain.ts';

const source = fileURLToPath(new URL('launch.c', import.meta.url));

export interface ClickHouseFiles {
  readonly launcher: string;
  readonly library: string;
}

/** Needs cc. */
export async function provideClickHouse(): Promise<ClickHouseFiles> {
  const code = await readFile(source, 'utf8');
  const folder = await provide({ name: 'clickhouse-launch', content: [code], build: compile });
  const manifest = createRequire(import.meta.url).resolve('@chdb/lib-linux-x64-gnu/package.json');
  return { launcher: join(folder, 'launch'), library: join(dirname(manifest), 'libchdb.so') };
}

async function compile(folder: string): Promise<void> {
  await runCommand('cc', ['-O1', '-Wall', '-Werror', '-rdynamic', '-o', join(folder, 'launch'), source, '-ldl']);
}
