// The rules that a tenant brought along: written by an import, read by the stage that judges.
import { NornError } from '@norn/base';
import type { DataSource, EntityManager } from 'typeorm';
import { audit } from './audit.ts';
import { ImportedRule, type ImportedRuleState } from './entities/rules.ts';
import { lockTenant } from './tenants.ts';

/** Of one tenant. */
export const IMPORTED_RULES_MAX = 5_000;

export interface RuleToImport {
  readonly ruleId: string;
  readonly title: string;
  readonly author: string;
  readonly level: string;
  readonly file: string;
  readonly body: string;
}

export interface RuleImport {
  readonly tenantId: string;
  /** A user's name. */
  readonly actor: string;
  readonly rules: readonly RuleToImport[];
}

/**
 * New rules start in `observe`; one that is there already keeps its state and gets the new text.
 * Throws `rules_too_many` beyond IMPORTED_RULES_MAX.
 */
export async function importRules(database: DataSource, { tenantId, actor, rules }: RuleImport): Promise<void> {
  if (rules.length === 0) return;
  await database.transaction(async (manager) => {
    // Two imports at once could pass the bound together.
    await lockTenant(manager, tenantId);
    const rows = rules.map((rule) => ({ ...rule, tenantId, importedBy: actor, updatedAt: new Date() }));
    await manager.upsert(ImportedRule, rows, ['tenantId', 'ruleId']);
    const total = await manager.countBy(ImportedRule, { tenantId });
    if (total > IMPORTED_RULES_MAX)
      throw new NornError(
        'rules_too_many',
        `${total} imported rules, ${IMPORTED_RULES_MAX} are kept: remove some first`,
      );
    await audit(manager, {
      tenantId,
      actor,
      action: 'rules.imported',
      subject: `${rules.length} rules`,
      details: { ids: rules.slice(0, 100).map(({ ruleId }) => ruleId) },
    });
  });
}

export interface RuleStateChange {
  readonly tenantId: string;
  readonly actor: string;
  readonly ruleId: string;
  readonly state: ImportedRuleState;
}

/** Looks at all rules that the tenant brought along before one of them changes; throws to let it be. */
export type RuleCheck = (rules: readonly ImportedRule[]) => void;

/** Throws `rule_unknown` when the tenant brought no such rule along, and what `check` throws. */
export async function setRuleState(
  database: DataSource,
  { tenantId, actor, ruleId, state }: RuleStateChange,
  check: RuleCheck,
): Promise<void> {
  await database.transaction(async (manager) => {
    await checkRules(manager, { tenantId, ruleId }, check);
    await manager.update(ImportedRule, { tenantId, ruleId }, { state });
    await audit(manager, { tenantId, actor, action: 'rules.state', subject: ruleId, details: { state } });
  });
}

/** Throws like `setRuleState`. */
export async function removeRule(
  database: DataSource,
  { tenantId, actor, ruleId }: Omit<RuleStateChange, 'state'>,
  check: RuleCheck,
): Promise<void> {
  await database.transaction(async (manager) => {
    await checkRules(manager, { tenantId, ruleId }, check);
    await manager.delete(ImportedRule, { tenantId, ruleId });
    await audit(manager, { tenantId, actor, action: 'rules.removed', subject: ruleId, details: {} });
  });
}

async function checkRules(
  manager: EntityManager,
  { tenantId, ruleId }: Pick<RuleStateChange, 'tenantId' | 'ruleId'>,
  check: RuleCheck,
): Promise<void> {
  // Two changes at once could each leave the other's rule without what it needs.
  await lockTenant(manager, tenantId);
  const rules = await manager.findBy(ImportedRule, { tenantId });
  if (!rules.some((rule) => rule.ruleId === ruleId))
    throw new NornError('rule_unknown', `There is no imported rule ${ruleId} in your tenant: see ./norn rules list`);
  check(rules);
}

export function importedRules(database: DataSource, tenantId: string): Promise<ImportedRule[]> {
  return database.manager.find(ImportedRule, {
    where: { tenantId },
    order: { ruleId: 'ASC' },
    take: IMPORTED_RULES_MAX,
  });
}

/** Of all tenants, without those that are off. */
export function runningRules(database: DataSource): Promise<ImportedRule[]> {
  const running: ImportedRuleState[] = ['observe', 'alert'];
  return database.manager
    .createQueryBuilder(ImportedRule, 'rule')
    .where('rule.state IN (:...running)', { running })
    .orderBy('rule.tenantId')
    .addOrderBy('rule.ruleId')
    .getMany();
}

/** Changes with every import, every change of a state and every removal. SQL, for a sum. */
export async function importedRulesMark(database: DataSource): Promise<string> {
  const [row] = await database.query<{ mark: string }[]>(
    `SELECT count(*) || ' ' || coalesce(max(updated_at)::text, '') AS mark FROM imported_rules`,
  );
  return row?.mark ?? '';
}
