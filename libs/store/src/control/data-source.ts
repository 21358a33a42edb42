// Opens the control plane: one pool. The tables are made in one place, and waited for everywhere else.
import { NornError, messageOf } from '@norn/base';
import { readSecret } from '@norn/config';
import { createLogger } from '@norn/telemetry';
import { setTimeout } from 'node:timers/promises';
import { DataSource, type DataSourceOptions, QueryFailedError } from 'typeorm';
import {
  AlertHandling,
  AttackSummaryRecord,
  CommandRecord,
  InboxEntry,
  OutboxEntry,
  ProtectionResponse,
} from './entities/handling.ts';
import { HostGroup, HostPolicyRecord, PolicyVersion } from './entities/policies.ts';
import { ImportedRule, RuleException } from './entities/rules.ts';
import { AccessToken, AuditEntry, Host, Tenant, User } from './entities/tenancy.ts';
import { ControlPlane1760000000001 } from './migrations/until-0012/0001-control-plane.ts';
import { FileVerdicts1760000000002 } from './migrations/until-0012/0002-file-verdicts.ts';
import { CommandTrace1760000000003 } from './migrations/until-0012/0003-command-trace.ts';
import { PersonRestores1760000000004 } from './migrations/until-0012/0004-person-restores.ts';
import { ColdRestore1760000000005 } from './migrations/until-0012/0005-cold-restore.ts';
import { RestoreConflicts1760000000006 } from './migrations/until-0012/0006-restore-conflicts.ts';
import { ImportedRules1760000000007 } from './migrations/until-0012/0007-imported-rules.ts';
import { RuleExceptions1760000000008 } from './migrations/until-0012/0008-rule-exceptions.ts';
import { PolicyVersions1760000000009 } from './migrations/until-0012/0009-policy-versions.ts';
import { HostPolicies1760000000010 } from './migrations/until-0012/0010-host-policies.ts';
import { RuleCosts1760000000011 } from './migrations/until-0012/0011-rule-costs.ts';
import { JoinTokenHosts1760000000012 } from './migrations/until-0012/0012-join-token-hosts.ts';
import { ContainerActions1760000000014 } from './migrations/0014-container-actions.ts';
import { StoppedAlerts1760000000020 } from './migrations/0020-stopped-alerts.ts';
import { AttackSummaries1760000000021 } from './migrations/0021-attack-summaries.ts';
import { RestoreBlamed1760000000022 } from './migrations/0022-restore-blamed.ts';
import { UnendedProcesses1760000000023 } from './migrations/0023-unended-processes.ts';
import { ActionNames1760000000024 } from './migrations/0024-action-names.ts';
import { HostPresence1760000000025 } from './migrations/0025-host-presence.ts';
import { HostsByKey1760000000026 } from './migrations/0026-hosts-by-key.ts';
import { HostsInside1760000000027 } from './migrations/0027-hosts-inside.ts';
import { AuditChain1760000000028 } from './migrations/0028-audit-chain.ts';
import { InvitedGroups1760000000029 } from './migrations/0029-invited-groups.ts';
import { PresenceOfAgents1760000000030 } from './migrations/0030-presence-of-agents.ts';
import { MaintenanceTokens1760000000031 } from './migrations/0031-maintenance-tokens.ts';
import { RefusedStops1760000000032 } from './migrations/0032-refused-stops.ts';
import { SnakeNames } from './snake-names.ts';

/** The settings of the same names in libs/config. */
export interface ControlStoreConfig {
  readonly postgresUrl: string;
  /** Holds the password alone; empty or absent: the URL says all. */
  readonly postgresPasswordFile?: string;
  /** Connections of this process. */
  readonly poolMax?: number;
  /** A query that has no answer by then has failed: a server that hangs ends none. 0: it is waited for, as for a lock. */
  readonly answerWithinMs?: number;
}

/** Any fixed number that nothing else in the database locks on. */
const MIGRATION_LOCK = 7_400_001;
const MIGRATIONS_TABLE = 'control_migrations';
const TABLES_MISSING = 'tables_missing';
const POOL_MAX = 8;
const CONNECT_TIMEOUT_MS = 10_000;
/** A statement of the control plane touches a handful of rows. */
const STATEMENT_TIMEOUT_MS = 30_000;
/** With what a connection takes, less than half a minute in all. */
const ANSWER_WITHIN_MS = 15_000;
const logger = createLogger('store');

/** How long one waits for a server that is not there yet or starts up, ms: an installation's parts start together. */
const PATIENCE_MS = 30_000;
const RETRY_MS = 500;
/** Not there (yet), starting up, shutting down, not prepared yet. */
const passing = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOENT', '57P01', '57P02', '57P03', TABLES_MISSING]);

/**
 * For who makes the tables, which is `deploy/prepare`: connects, runs pending migrations under an advisory lock and returns the pool. It has two
 * connections at least, for the lock holds one. Throws `control_store_unavailable`.
 */
export function createControlStore(config: ControlStoreConfig): Promise<DataSource> {
  return patiently({ ...config, answerWithinMs: 0 }, migrate);
}

/** For everybody else: connects, waits until every migration of this version has been run, and returns the pool. Throws `control_store_unavailable`. */
export function openControlStore(config: ControlStoreConfig): Promise<DataSource> {
  return patiently(config, assertMigrated);
}

type Ready = (source: DataSource) => Promise<void>;

async function patiently(config: ControlStoreConfig, ready: Ready): Promise<DataSource> {
  const giveUpAt = performance.now() + PATIENCE_MS;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await open(config, ready);
    } catch (error) {
      if (!isPassing(error) || performance.now() > giveUpAt) throw unavailable(config, error);
      if (attempt === 1) logger.warn({ code: 'control_store_away' }, `PostgreSQL is waited for: ${messageOf(error)}`);
      await setTimeout(RETRY_MS);
    }
  }
}

async function open(config: ControlStoreConfig, ready: Ready): Promise<DataSource> {
  const source = new DataSource(optionsOf(config));
  try {
    await source.initialize();
    await ready(source);
    return source;
  } catch (error) {
    if (source.isInitialized) await source.destroy();
    throw error;
  }
}

function optionsOf(config: ControlStoreConfig): DataSourceOptions {
  return {
    type: 'postgres',
    url: withPassword(config),
    entities: [
      Tenant,
      User,
      AccessToken,
      Host,
      AuditEntry,
      AlertHandling,
      AttackSummaryRecord,
      CommandRecord,
      OutboxEntry,
      InboxEntry,
      ProtectionResponse,
      ImportedRule,
      RuleException,
      PolicyVersion,
      HostGroup,
      HostPolicyRecord,
    ],
    migrations: [
      ControlPlane1760000000001,
      FileVerdicts1760000000002,
      CommandTrace1760000000003,
      PersonRestores1760000000004,
      ColdRestore1760000000005,
      RestoreConflicts1760000000006,
      ImportedRules1760000000007,
      RuleExceptions1760000000008,
      PolicyVersions1760000000009,
      HostPolicies1760000000010,
      RuleCosts1760000000011,
      JoinTokenHosts1760000000012,
      ContainerActions1760000000014,
      StoppedAlerts1760000000020,
      AttackSummaries1760000000021,
      RestoreBlamed1760000000022,
      UnendedProcesses1760000000023,
      ActionNames1760000000024,
      HostPresence1760000000025,
      HostsByKey1760000000026,
      HostsInside1760000000027,
      AuditChain1760000000028,
      InvitedGroups1760000000029,
      PresenceOfAgents1760000000030,
      MaintenanceTokens1760000000031,
      RefusedStops1760000000032,
    ],
    migrationsTableName: MIGRATIONS_TABLE,
    namingStrategy: new SnakeNames(),
    synchronize: false,
    poolSize: config.poolMax ?? POOL_MAX,
    connectTimeoutMS: CONNECT_TIMEOUT_MS,
    extra: { statement_timeout: STATEMENT_TIMEOUT_MS, query_timeout: config.answerWithinMs ?? ANSWER_WITHIN_MS },
  };
}

/** As the pool and its connections say it, which have no codes for these. */
const awayWords = /(timeout exceeded when trying to connect|Connection terminated|Query read timeout)/;

/** Whether a query failed because PostgreSQL is not there or does not answer. */
export function isControlStoreAway(error: unknown): boolean {
  const cause = causeOf(error);
  const isAway = (isPassing(cause) && codeOf(cause) !== TABLES_MISSING) || isOfClass('08', cause);
  // A file that is not there says so by the same code as a socket.
  const isOfFile = codeOf(cause) === 'ENOENT' && !messageOf(cause).includes('connect ENOENT');
  return (isAway && !isOfFile) || awayWords.test(messageOf(cause));
}

/** Whether a query failed because PostgreSQL has no disk, memory or connection left for it. */
export function isControlStoreFull(error: unknown): boolean {
  return isOfClass('53', causeOf(error));
}

function causeOf(error: unknown): unknown {
  return error instanceof QueryFailedError ? error.driverError : error;
}

/** The first two characters of an SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html */
function isOfClass(sqlClass: '08' | '53', error: unknown): boolean {
  const code = codeOf(error);
  return code.length === 5 && code.startsWith(sqlClass);
}

function isPassing(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isPassing);
  return passing.has(codeOf(error));
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}

function unavailable({ postgresUrl }: ControlStoreConfig, error: unknown): NornError {
  const cure = 'check that it runs and that NORN_POSTGRES_URL and NORN_POSTGRES_PASSWORD_FILE are right';
  const message = `PostgreSQL at ${addressOf(postgresUrl)} can not be used (${messageOf(error)}): ${cure}`;
  return new NornError('control_store_unavailable', message, { cause: error });
}

/** SQL, for the lock: of several that begin at once, one runs them. */
async function migrate(source: DataSource): Promise<void> {
  const guard = source.createQueryRunner();
  try {
    await guard.query('SET statement_timeout = 0');
    await guard.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await source.runMigrations({ transaction: 'each' });
    await guard.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
    await guard.query(`SET statement_timeout = ${STATEMENT_TIMEOUT_MS}`);
  } finally {
    await guard.release();
  }
}

/** SQL, for the table is TypeORM's own. */
async function assertMigrated(source: DataSource): Promise<void> {
  const tables = await source.query<{ oid: string | null }[]>('SELECT to_regclass($1) AS oid', [MIGRATIONS_TABLE]);
  const isThere = tables.some(({ oid }) => oid !== null);
  const rows = isThere ? await source.query<{ name: string }[]>(`SELECT name FROM ${MIGRATIONS_TABLE}`) : [];
  const run = new Set(rows.map(({ name }) => name));
  const missing = source.migrations.filter(({ name, constructor }) => !run.has(name ?? constructor.name)).length;
  if (missing === 0) return;
  throw new NornError(TABLES_MISSING, `${missing} changes of its tables are missing: deploy/prepare makes them`);
}

/** The URL for `pg`, with the password out of its file: for clients that LISTEN on a connection of their own. */
export function withPassword(config: ControlStoreConfig): string {
  const url = new URL(config.postgresUrl);
  const file = config.postgresPasswordFile ?? '';
  if (file !== '') url.password = encodeURIComponent(readSecret(file).trim());
  return url.toString();
}

function addressOf(postgresUrl: string): string {
  const url = new URL(postgresUrl);
  return `${url.searchParams.get('host') ?? url.host}${url.pathname}`;
}
