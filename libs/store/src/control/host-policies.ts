// The policy of a tenant's hosts: made anew when the version in force or the groups of hosts change, in the caller's transaction.
import { createHash } from 'node:crypto';
import type { DataSource, EntityManager } from 'typeorm';
import { databaseTimeUs } from './database-time.ts';
import { OutboxEntry } from './entities/handling.ts';
import { HostPolicyRecord, PolicyVersion } from './entities/policies.ts';
import { resolvedGroups, type ResolvedGroup } from './resolved-groups.ts';
import { lockTenant } from './tenants.ts';

/** The topic of libs/bus that signed policies go to. */
export const POLICIES_TOPIC = 'policies';

/** Another number when the same version is to become another policy for hosts. */
const MAKING = 2;

/** What a policy for hosts is made of: libs/response makes it. */
export interface HostPolicyParts {
  readonly tenantId: string;
  readonly epoch: bigint;
  /** Unix µs. */
  readonly issuedAtUs: bigint;
  /** Number of the version in force. */
  readonly version: number;
  readonly body: string;
  readonly groups: readonly ResolvedGroup[];
}

/**
 * The serialised SignedPolicy, which remediation signs when it is sent. Throws for what hosts can not take; then nothing of the transaction holds.
 */
export type MakeHostPolicy = (parts: HostPolicyParts) => Uint8Array;

/** Makes and sends what the tenant's hosts are to hold now. The caller has locked the tenant. Returns whether it was another than before. */
export async function issueHostPolicy(
  manager: EntityManager,
  tenantId: string,
  make: MakeHostPolicy,
): Promise<boolean> {
  const version = await manager.findOne(PolicyVersion, { where: { tenantId }, order: { number: 'DESC' } });
  if (version === null) return false;
  const { number, body } = version;
  const groups = await resolvedGroups(manager, tenantId);
  const madeOf = createHash('sha256')
    .update(JSON.stringify([MAKING, number, groups]))
    .digest('hex');
  const held = await manager.findOneBy(HostPolicyRecord, { tenantId });
  if (held?.madeOf === madeOf) return false;
  const epoch = BigInt(held?.epoch ?? 0) + 1n;
  const issuedAtUs = await databaseTimeUs(manager);
  const signed = Buffer.from(make({ tenantId, epoch, issuedAtUs, version: number, body, groups }));
  const row = { tenantId, epoch: String(epoch), number, madeOf, signed, issuedAt: () => 'now()' };
  await manager.upsert(HostPolicyRecord, row, ['tenantId']);
  await manager.insert(OutboxEntry, { topic: POLICIES_TOPIC, key: tenantId, body: signed });
  return true;
}

/** One whose policy can not be made: what its hosts hold stays. */
export type OnUnmade = (tenantId: string, error: unknown) => void;

/**
 * Brings the hosts' policies of all tenants up to date: hosts enrol and get other names, and patterns of groups are about names. Returns of how
 * many it made another.
 */
export async function reissueHostPolicies(
  database: DataSource,
  make: MakeHostPolicy,
  onUnmade: OnUnmade,
): Promise<number> {
  const tenants = await database.manager
    .createQueryBuilder(PolicyVersion, 'policy')
    .select('policy.tenantId', 'id')
    .distinct()
    .getRawMany<{ id: string }>();
  let made = 0;
  for (const { id } of tenants) {
    try {
      made += await database.transaction(async (manager) => {
        await lockTenant(manager, id);
        return Number(await issueHostPolicy(manager, id, make));
      });
    } catch (error) {
      onUnmade(id, error);
    }
  }
  return made;
}

/** Sends all of them again: a topic that was made anew has them then, and hosts have them by another key. SQL, for no row of them leaves the database. */
export async function resendHostPolicies(database: DataSource): Promise<void> {
  await database.query(
    `INSERT INTO outbox (topic, key, body, traceparent) SELECT $1, tenant_id, signed, '' FROM host_policies`,
    [POLICIES_TOPIC],
  );
}

/** Changes whenever a host's policy may have to be another. SQL, for sums over three tables. */
export async function hostPoliciesMark(database: DataSource): Promise<string> {
  const [row] = await database.query<{ mark: string }[]>(
    `SELECT concat_ws(' ',
       (SELECT count(*) FROM policy_versions),
       (SELECT md5(string_agg(concat_ws(':', tenant_id, name, members), ',' ORDER BY tenant_id, name)) FROM host_groups),
       (SELECT md5(string_agg(concat_ws(':', id, name, joined_group), ',' ORDER BY id)) FROM hosts)) AS mark`,
  );
  return row?.mark ?? '';
}
