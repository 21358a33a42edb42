// Exceptions to rules: written by people, read by the stage that judges. One that is removed stays, with the moment.
import { NornError } from '@norn/base';
import { type DataSource, type EntityManager, IsNull, MoreThan } from 'typeorm';
import { audit } from './audit.ts';
import { type ExceptedScope, RuleException } from './entities/rules.ts';
import { lockTenant } from './tenants.ts';

/** Standing ones of one tenant. */
export const RULE_EXCEPTIONS_MAX = 1_000;
/** How long one that is over is still known to the stage that judges, for events that come late or again. */
const KEPT_DAYS = 8;

export interface ExceptionToAdd {
  readonly tenantId: string;
  /** A user's name. */
  readonly actor: string;
  readonly ruleId: string;
  readonly scope: ExceptedScope;
  readonly reason: string;
  readonly expiresAt: Date;
}

/** Throws `exceptions_too_many` beyond RULE_EXCEPTIONS_MAX. */
export async function addRuleException(database: DataSource, added: ExceptionToAdd): Promise<RuleException> {
  const { actor, ...facts } = added;
  const { tenantId, ruleId, scope, reason, expiresAt } = facts;
  return database.transaction(async (manager) => {
    // Two at once could pass the bound together.
    await lockTenant(manager, tenantId);
    if ((await countStanding(manager, tenantId)) >= RULE_EXCEPTIONS_MAX)
      throw new NornError('exceptions_too_many', `${RULE_EXCEPTIONS_MAX} exceptions stand already: remove some first`);
    const row = await manager.save(manager.create(RuleException, { ...facts, author: actor }));
    const details = { ruleId, scope, reason, expiresAt: expiresAt.toISOString() };
    await audit(manager, { tenantId, actor, action: 'exception.added', subject: row.id, details });
    return row;
  });
}

export interface ExceptionToRemove {
  readonly tenantId: string;
  readonly actor: string;
  readonly id: string;
}

/** It holds for nothing that happens from now on. Throws `exception_unknown`. */
export async function removeRuleException(
  database: DataSource,
  { tenantId, actor, id }: ExceptionToRemove,
): Promise<void> {
  await database.transaction(async (manager) => {
    const { affected } = await manager.update(
      RuleException,
      { tenantId, id, removedAt: IsNull() },
      { removedAt: () => 'now()' },
    );
    if (affected !== 1)
      throw new NornError('exception_unknown', `No exception ${id} stands in your tenant: see ./norn exceptions`);
    await audit(manager, { tenantId, actor, action: 'exception.removed', subject: id });
  });
}

/** Those that were not removed, newest first; some may be over. */
export function ruleExceptions(database: DataSource, tenantId: string): Promise<RuleException[]> {
  return database.manager.find(RuleException, {
    where: { tenantId, removedAt: IsNull() },
    order: { createdAt: 'DESC', id: 'ASC' },
    take: RULE_EXCEPTIONS_MAX,
  });
}

/** Of all tenants: those that stand, and those that ended within the last days. Oldest first. */
export function judgedExceptions(database: DataSource): Promise<RuleException[]> {
  return database.manager
    .createQueryBuilder(RuleException, 'exception')
    .where(`least(exception.expires_at, exception.removed_at) > now() - make_interval(days => :days)`, {
      days: KEPT_DAYS,
    })
    .orderBy('exception.createdAt')
    .addOrderBy('exception.id')
    .getMany();
}

/** Changes with every exception that is added or removed. SQL, for a sum. */
export async function ruleExceptionsMark(database: DataSource): Promise<string> {
  const [row] = await database.query<{ mark: string }[]>(
    `SELECT concat_ws(' ', count(*), count(removed_at), max(created_at)) AS mark FROM rule_exceptions`,
  );
  return row?.mark ?? '';
}

function countStanding(manager: EntityManager, tenantId: string): Promise<number> {
  return manager.countBy(RuleException, { tenantId, removedAt: IsNull(), expiresAt: MoreThan(new Date()) });
}
