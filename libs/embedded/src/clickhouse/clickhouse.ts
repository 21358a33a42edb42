// The real ClickHouse engine on loopback, by HTTP alone. State: <home>/clickhouse.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { NornError } from '@norn/base';
import { isListener } from '@norn/base/port-holder';
import { serverConfig, tablesOf, usersConfig } from './clickhouse.config.ts';
import { provideClickHouse } from './clickhouse.install.ts';
import { readyOrStopped, startPart, waitForLock, type Part } from '../process/part.ts';
import { assertPortFree } from '../process/ports.ts';
import { startWithRoom, type ReadRoom } from '../process/room.ts';

const readyWithinMs = 180_000;
/** Merges can wait; who watches for alerts and sends commands beside them can't. */
const nice = 10;

// The query that keeps the process alive: it asks the server to listen and then sleeps for ever. Native TCP stays closed: who speaks it
// could be the engine's own session, which has no password.
const listenForEver = `SYSTEM START LISTEN HTTP;
  SELECT sleepEachRow(0.25) FROM system.numbers
  SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 0 FORMAT Null`;

export interface ClickHouseOptions {
  readonly home: string;
  /** Of HTTP. */
  readonly port: number;
  readonly writerPassword: string;
  readonly readerPassword: string;
  /** Default `norn`; it is made when it is not there. */
  readonly database?: string;
  /** Tables under the row policy; default: all that the store's migrations make. */
  readonly tables?: readonly string[];
  /** What is left of its file system; for tests. */
  readonly readRoom?: ReadRoom | undefined;
}

export interface RunningClickHouse extends Part {
  /** For `NORN_CLICKHOUSE_URL`. */
  readonly url: string;
}

/**
 * Starts the engine on `<home>/clickhouse`, and stops it when its file system gets full: a merge that had no room for a while was seen to make a part without
 * what it could not write. Throws `disk_full`, `port_taken`, `home_in_use`, `part_not_started`.
 */
export function startClickHouse(options: ClickHouseOptions): Promise<RunningClickHouse> {
  const folder = join(options.home, 'clickhouse');
  return startWithRoom({ name: 'ClickHouse', folder, read: options.readRoom }, () => start(folder, options));
}

async function start(home: string, options: ClickHouseOptions): Promise<RunningClickHouse> {
  const { port } = options;
  const { launcher, library } = await provideClickHouse();
  await mkdir(join(home, 'data'), { recursive: true, mode: 0o700 });
  await waitForLock(join(home, 'engine.lock'), 'ClickHouse');
  await assertPortFree(port, 'ClickHouse');
  const configFile = await writeConfig(home, options);
  const listen = ['--listen_host', '127.0.0.1', '--http_port', String(port)];
  const url = `http://127.0.0.1:${port}`;
  const part = await startPart({
    name: 'clickhouse',
    command: launcher,
    args: [library, '--config-file', configFile, '--path', join(home, 'data'), ...listen, '--query', listenForEver],
    cwd: home,
    logFile: join(home, 'engine.log'),
    lockFile: join(home, 'engine.lock'),
    stopSignal: 'SIGTERM',
    isReady: () => answersPing(url),
    readyWithinMs,
    nice,
  });
  if (!isListener(part.pid, port)) {
    await part.stop();
    throw new NornError(
      'port_taken',
      `127.0.0.1:${port} is answered by another process than ClickHouse: see who listens (ss -ltnp)`,
    );
  }
  await readyOrStopped(part, createDatabase(url, options));
  return { ...part, url };
}

async function writeConfig(home: string, options: ClickHouseOptions): Promise<string> {
  const usersFile = join(home, 'users.xml');
  const users = usersConfig({
    database: options.database ?? 'norn',
    tables: options.tables ?? (await migratedTables()),
    writerPassword: options.writerPassword,
    readerPassword: options.readerPassword,
  });
  await writeFile(usersFile, users, { mode: 0o600 });
  const configFile = join(home, 'config.xml');
  await writeFile(configFile, serverConfig(usersFile), { mode: 0o600 });
  return configFile;
}

async function migratedTables(): Promise<string[]> {
  const entry = createRequire(import.meta.url).resolve('@norn/store');
  const folder = join(dirname(entry), 'clickhouse/migrations');
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql'));
  return tablesOf(await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8'))));
}

async function createDatabase(url: string, options: ClickHouseOptions): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'X-ClickHouse-User': 'norn_writer', 'X-ClickHouse-Key': options.writerPassword },
    body: `CREATE DATABASE IF NOT EXISTS ${options.database ?? 'norn'}`,
  });
  if (!response.ok) throw new Error(`ClickHouse refused to make the database: ${await response.text()}`);
}

async function answersPing(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/ping`)).ok;
  } catch {
    return false; // Not listening yet.
  }
}
