// The real PostgreSQL, password authentication only, by a socket in a folder that others can't enter: nobody else can answer in its
// place, or take its connections. State: <home>/postgres.
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { NornError } from '@norn/base';
import pg from 'pg';
import { runCommand } from '../process/command.ts';
import { everywhere, type Exposure } from '../exposure.ts';
import { readyOrStopped, startPart, waitForLock, type Part } from '../process/part.ts';
import { assertPortFree } from '../process/ports.ts';
import { providePostgres, providePostgresUser } from './postgres.install.ts';

const readyWithinMs = 180_000;
const connectionsMax = 80;
/** What the kernel takes as the path of a socket, bytes. */
const socketPathMax = 107;

export interface PostgresOptions {
  readonly home: string;
  /** Names the socket; with an exposure it is also listened on. */
  readonly port: number;
  /** Of user `norn`, who owns database `norn`. Decided when the cluster is made. */
  readonly password: string;
  readonly exposure?: Exposure;
}

export interface RunningPostgres extends Part {
  /** Without the password, for `NORN_POSTGRES_URL`. */
  readonly url: string;
}

/** Where the server of an installation is found by those who may enter `<home>/postgres`: root, and its own user. */
export function postgresUrl(home: string, port: number): string {
  return `postgres://norn@localhost:${port}/norn?host=${encodeURIComponent(join(home, 'postgres'))}`;
}

/** Starts PostgreSQL on `<home>/postgres`, made when new. Throws `port_taken`, `home_in_use`, `home_not_traversable`, `home_too_long`. */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const home = join(options.home, 'postgres');
  const folder = await providePostgres();
  const user = await providePostgresUser();
  checkLength(home, options.port);
  await mkdir(home, { recursive: true, mode: 0o700 });
  if (user) await handOver(home, user);
  await waitForLock(join(home, 'server.lock'), 'PostgreSQL');
  if (options.exposure) await assertPortFree(options.port, 'PostgreSQL');
  await initialise(folder, home, options.password, user);
  const part = await startServer({ folder, home, user }, options);
  await readyOrStopped(part, createDatabase(home, options));
  return { ...part, url: postgresUrl(options.home, options.port) };
}

function checkLength(home: string, port: number): void {
  const path = join(home, `.s.PGSQL.${port}`);
  const length = Buffer.byteLength(path);
  if (length <= socketPathMax) return;
  const what = `PostgreSQL's socket ${path} has ${length} bytes, and ${socketPathMax} are the most`;
  throw new NornError('home_too_long', `${what}: set NORN_HOME to a shorter folder`);
}

async function handOver(home: string, user: string): Promise<void> {
  for (let folder = dirname(home); folder !== '/'; folder = dirname(folder)) {
    const { mode } = await stat(folder);
    if (mode & 0o001) continue;
    throw new NornError(
      'home_not_traversable',
      `PostgreSQL runs as ${user}, who cannot pass ${folder}: set NORN_HOME to a folder such as /var/lib/norn, or \`chmod o+x ${folder}\``,
    );
  }
  await runCommand('chown', [`${user}:${user}`, home]);
}

function asUser(user: string | undefined, command: readonly string[]): [string, string[]] {
  const identity = user ? ['--reuid', user, '--regid', user, '--clear-groups'] : [];
  return ['setpriv', [...identity, ...command]];
}

async function initialise(folder: string, home: string, password: string, user?: string): Promise<void> {
  const data = join(home, 'data');
  if (existsSync(data)) {
    // A volume's mount may have given its group more than the server allows.
    await chmod(data, 0o700);
    return;
  }
  const unfinished = join(home, 'data.part');
  await rm(unfinished, { recursive: true, force: true });
  const passwordFile = join(home, 'initial.password');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (user) await runCommand('chown', [user, passwordFile]);
  try {
    const who = ['--username=norn', '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
    const how = ['--encoding=UTF8', '--locale=C', '--no-sync', `--pgdata=${unfinished}`];
    const [command, args] = asUser(user, [join(folder, 'bin/initdb'), ...who, ...how]);
    await runCommand(command, args, { cwd: home });
    await rename(unfinished, data);
  } finally {
    await rm(passwordFile, { force: true });
  }
}

interface Place {
  readonly folder: string;
  readonly home: string;
  readonly user: string | undefined;
}

// From elsewhere by TLS alone. The server refuses a key that is not its user's own.
async function tlsSettings({ home, user }: Place, exposure: Exposure): Promise<Record<string, string>> {
  const own = async (name: string, content: string | Buffer): Promise<string> => {
    const file = join(home, name);
    await writeFile(file, content, { mode: 0o600 });
    if (user) await runCommand('chown', [user, file]);
    return file;
  };
  const access = 'hostssl all all all scram-sha-256\nlocal all all scram-sha-256\n';
  return {
    listen_addresses: everywhere,
    hba_file: await own('access.conf', access),
    ssl: 'on',
    ssl_cert_file: await own('server.cert.pem', await readFile(exposure.certificateFile)),
    ssl_key_file: await own('server.key.pem', await readFile(exposure.keyFile)),
    ssl_min_protocol_version: 'TLSv1.2',
  };
}

async function startServer(place: Place, { port, exposure }: PostgresOptions): Promise<Part> {
  const { folder, home, user } = place;
  const settings = {
    listen_addresses: '',
    unix_socket_directories: place.home,
    unix_socket_permissions: '0700',
    max_connections: connectionsMax,
    shared_buffers: '32MB',
    max_wal_size: '256MB',
    wal_compression: 'on',
    jit: 'off',
    max_worker_processes: 2,
    max_parallel_workers: 0,
    io_method: 'sync',
    log_min_messages: 'warning',
    ...(exposure ? await tlsSettings(place, exposure) : {}),
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return startPart({
    name: 'postgres',
    command: join(folder, 'bin/postgres'),
    args: ['-D', join(home, 'data'), '-p', String(port), ...flags],
    cwd: home,
    logFile: join(home, 'server.log'),
    lockFile: join(home, 'server.lock'),
    // SIGTERM would wait for the clients to leave; SIGINT is PostgreSQL's fast shutdown.
    stopSignal: 'SIGINT',
    ...(user ? { user } : {}),
    isReady: (log) => log.includes('database system is ready to accept connections'),
    readyWithinMs,
  });
}

async function createDatabase(home: string, options: PostgresOptions): Promise<void> {
  const client = new pg.Client({
    host: home,
    port: options.port,
    user: 'norn',
    password: options.password,
    database: 'postgres',
  });
  await client.connect();
  try {
    const { rowCount } = await client.query(`SELECT 1 FROM pg_database WHERE datname = 'norn'`);
    if (!rowCount) await client.query('CREATE DATABASE norn');
  } finally {
    await client.end();
  }
}
