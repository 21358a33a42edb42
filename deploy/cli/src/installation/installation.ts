// Where an installation on this machine lives: its folder, its ports, its secrets, and what its processes are told.
import { chmodSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf, NornError } from '@norn/base';
import { loadConfig, processEnvironment, settings } from '@norn/config';
import { busIdentity, postgresUrl } from '@norn/embedded';
import { z } from 'zod';
import { reachOf } from './agents-reach.ts';
import { assertOwnHome } from './own-home.ts';
import { readRunState } from './run-state.ts';

export const repository = fileURLToPath(new URL('../../../..', import.meta.url)).replace(/\/$/, '');
export const registerFile = join(repository, 'deploy/runtime/register.mjs');

const { home, portBase, protectedPaths, keptPaths } = settings;
/** The paths are the agent's; a command says at once that they are wrong. */
const schema = z.object({ home, portBase, protectedPaths, keptPaths });
const reachSchema = z.object({ host: settings.host, agentHost: settings.agentHost });

export interface Ports {
  readonly api: number;
  readonly ingest: number;
  readonly kafka: number;
  readonly kafkaController: number;
  readonly clickhouse: number;
  readonly postgres: number;
  readonly health: number;
  readonly enrol: number;
  /** Health of the first stage that runs apart; the others follow. */
  readonly separateHealth: number;
}

export interface Installation {
  readonly home: string;
  readonly ports: Ports;
  /** A path below home. */
  path(...parts: string[]): string;
}

/** By NORN_HOME and NORN_PORT_BASE; the folder that a person named wins, and where no ports are named, those of what runs in it. */
export function findInstallation(folder?: string): Installation {
  const { home: usualHome, portBase: usualBase } = loadConfig(schema);
  const home = folder === undefined ? usualHome : resolve(folder);
  const path = (...parts: string[]): string => join(home, ...parts);
  const isNamed = processEnvironment()['NORN_PORT_BASE'] !== undefined;
  const portBase = (isNamed ? undefined : readRunState({ path })?.portBase) ?? usualBase;
  const ports: Ports = {
    api: portBase,
    ingest: portBase + 1,
    kafka: portBase + 2,
    kafkaController: portBase + 3,
    clickhouse: portBase + 4,
    postgres: portBase + 6,
    health: portBase + 7,
    enrol: portBase + 8,
    separateHealth: portBase + 10,
  };
  return { home, ports, path };
}

// Level by level: node's own recursion never ends where a file system answers ENOENT to every mkdir, as /proc does.
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  mkdirSync(folder);
  chmodSync(folder, 0o755);
}

const ownFolders = new Set([
  'secrets',
  'run',
  'logs',
  'agent',
  'console',
  'kafka',
  'clickhouse',
  'postgres',
  'toolchain',
  'compose',
]);

/**
 * Makes the folders. Others may pass through home (PostgreSQL's user does), nobody may read what matters. Throws `home_not_writable`, and
 * `home_of_another` where somebody else could have put things, or can.
 */
export function makeFolders(installation: Installation): void {
  try {
    makeFolder(installation.home);
    assertOwnHome(installation.home, [...ownFolders]);
    // A folder that is Norn's own; never another that someone named by mistake.
    if (readdirSync(installation.home).every((name) => ownFolders.has(name))) chmodSync(installation.home, 0o711);
    for (const name of ['secrets', 'run', 'logs', 'agent']) {
      mkdirSync(installation.path(name), { recursive: true, mode: 0o700 });
    }
  } catch (error) {
    if (error instanceof NornError) throw error;
    throw new NornError(
      'home_not_writable',
      `${installation.home} can not be written (${messageOf(error)}): run as root, or set NORN_HOME to a folder of yours`,
      { cause: error },
    );
  }
}

export function consoleFolder(installation: Installation): string {
  return installation.path('console');
}

/** What every process of Norn is told; the user's own NORN_ settings win where they do not name a place or a port. */
export function processSettings(installation: Installation): NodeJS.ProcessEnv {
  const { ports } = installation;
  const secret = (name: string): string => installation.path('secrets', name);
  const console = consoleFolder(installation);
  return {
    NORN_TRACE_FILE: installation.path('logs', 'spans.jsonl'),
    ...whereAgentsReach(installation),
    ...processEnvironment(),
    NORN_HOME: installation.home,
    NORN_PORT_BASE: String(ports.api),
    NORN_API_PORT: String(ports.api),
    NORN_PUBLIC_URL: `http://127.0.0.1:${ports.api}`,
    NORN_INGEST_PORT: String(ports.ingest),
    NORN_ENROL_PORT: String(ports.enrol),
    NORN_HEALTH_PORT: String(ports.health),
    NORN_KAFKA_ACLS: 'true',
    ...busSettings(installation, 'prepare'),
    NORN_CLICKHOUSE_URL: `http://127.0.0.1:${ports.clickhouse}`,
    NORN_CLICKHOUSE_PID_FILE: installation.path('run', 'clickhouse.pid'),
    NORN_CLICKHOUSE_WRITER_PASSWORD_FILE: secret('clickhouse-writer.password'),
    NORN_CLICKHOUSE_READER_PASSWORD_FILE: secret('clickhouse-reader.password'),
    NORN_POSTGRES_URL: postgresUrl(installation.home, ports.postgres),
    NORN_POSTGRES_PASSWORD_FILE: secret('postgres.password'),
    NORN_SECRETS_DIR: installation.path('secrets'),
    NORN_CONSOLE_DIR: existsSync(join(console, 'index.html')) ? console : '',
  };
}

/** How the service or tool of that name reaches the broker: with a certificate of its own. */
export function busSettings(installation: Installation, identity: string): Readonly<Record<string, string>> {
  const { keyFile, certificateFile, authorityFile } = busIdentity(installation.path('secrets'), identity);
  return {
    NORN_KAFKA_BROKERS: `127.0.0.1:${installation.ports.kafka}`,
    NORN_KAFKA_TLS: 'true',
    NORN_KAFKA_AUTHORITY_FILE: authorityFile,
    NORN_KAFKA_CERTIFICATE_FILE: certificateFile,
    NORN_KAFKA_KEY_FILE: keyFile,
  };
}

/** What tyr is told on top of it. */
export function agentSettings(installation: Installation): NodeJS.ProcessEnv {
  const { ports } = installation;
  return {
    // A name that every certificate of ingest has that Norn makes.
    NORN_INGEST_NAME: 'localhost',
    ...processSettings(installation),
    ...agentPlaces(installation),
    NORN_INGEST_ADDRESS: reachOf(agentHost(), ports.ingest).fromHere,
    NORN_ENROL_ADDRESS: reachOf(agentHost(), ports.enrol).fromHere,
    NORN_AUTHORITY_FILE: installation.path('secrets', 'authority.cert.pem'),
    NORN_JOIN_TOKEN_FILE: installation.path('secrets', 'join.token'),
  };
}

export function baldurProgram(installation: Installation): string {
  return installation.path('agent', 'bin', 'baldur');
}

/** Where an agent keeps things, be its installation here or elsewhere. */
export function agentPlaces(installation: Installation): NodeJS.ProcessEnv {
  return {
    NORN_TRACE_FILE: installation.path('logs', 'spans-tyr.jsonl'),
    NORN_AGENT_DIR: installation.path('agent'),
    NORN_AGENT_SOCKET: installation.path('agent', 'baldur.sock'),
    NORN_BALDUR_PATH: baldurProgram(installation),
  };
}

/** What invitations say, unless the user does. */
export function whereAgentsReach({ ports }: Installation): NodeJS.ProcessEnv {
  if (processEnvironment()['NORN_AGENTS_AT']) return {};
  return {
    NORN_AGENTS_AT: reachOf(agentHost(), ports.ingest).fromElsewhere,
    NORN_ENROL_AT: reachOf(agentHost(), ports.enrol).fromElsewhere,
  };
}

function agentHost(): string {
  const config = loadConfig(reachSchema);
  return config.agentHost || config.host;
}
