// What the API reads of the control plane. Every query names the tenant.
import { Injectable } from '@nestjs/common';
import { NornError } from '@norn/base';
import {
  AlertHandling,
  type AlertState,
  CommandRecord,
  Host,
  HostPolicyRecord,
  type ProtectionResponse,
  protectionsOf,
} from '@norn/store';
import { DataSource, In, type SelectQueryBuilder } from 'typeorm';
import { type Attack, readAttack } from './attack/attack.ts';

export interface AlertFilter {
  readonly states?: readonly AlertState[] | undefined;
  /** norn.finding.v1.Severity. */
  readonly severities?: readonly number[] | undefined;
  readonly hostId?: string | undefined;
  /** A container id or its beginning. */
  readonly container?: string | undefined;
  /** An id or its beginning. */
  readonly idStart?: string | undefined;
  /** Only these; what stored events answered. */
  readonly ids?: readonly string[] | undefined;
}

export interface Page {
  readonly limit: number;
  /** Id of the last one seen. */
  readonly cursor?: string | undefined;
}

export interface AlertTotals {
  readonly total: number;
  readonly openBySeverity: ReadonlyMap<number, number>;
  readonly openByHost: ReadonlyMap<string, number>;
  readonly openByContainer: ReadonlyMap<string, number>;
  readonly files: { restored: number; removed: number; unchanged: number; lost: number; conflict: number };
}

/** Somebody is still needed, or it is not over. */
export const openStates: readonly AlertState[] = ['open', 'responding', 'stopped', 'failed'];
const hostsMax = 5000;
const commandsOfAlertMax = 100;

@Injectable()
export class ControlPlane {
  constructor(private readonly database: DataSource) {}

  async alerts(tenantId: string, filter: AlertFilter, page: Page): Promise<AlertHandling[]> {
    const query = this.database.manager
      .createQueryBuilder(AlertHandling, 'alert')
      .where('alert.tenant_id = :tenantId', { tenantId })
      .orderBy('alert.createdAt', 'DESC')
      .addOrderBy('alert.id', 'DESC')
      .take(page.limit);
    narrow(query, filter);
    if (page.cursor !== undefined) {
      query.andWhere(
        '(alert.created_at, alert.id) < (SELECT c.created_at, c.id FROM alert_handlings c WHERE c.id = :cursor AND c.tenant_id = :tenantId)',
        { cursor: page.cursor },
      );
    }
    return query.getMany();
  }

  alert(tenantId: string, id: string): Promise<AlertHandling | null> {
    return this.database.manager.findOneBy(AlertHandling, { tenantId, id });
  }

  /** Throws `alert_unknown` when the tenant has no such alert. */
  async attack(tenantId: string, id: string): Promise<Attack> {
    const handling = await this.alert(tenantId, id);
    if (handling === null) throw new NornError('alert_unknown', `There is no alert ${id} in your tenant`);
    return readAttack(handling);
  }

  alertsById(tenantId: string, ids: readonly string[]): Promise<AlertHandling[]> {
    return this.database.manager.findBy(AlertHandling, { tenantId, id: In([...ids]) });
  }

  commandsOf(tenantId: string, alertId: string): Promise<CommandRecord[]> {
    return this.database.manager.find(CommandRecord, {
      where: { tenantId, alertId },
      order: { requestedAt: 'DESC' },
      take: commandsOfAlertMax,
    });
  }

  /** What the tenant wants done, by protection. */
  protections(tenantId: string): Promise<Map<string, ProtectionResponse['response']>> {
    return protectionsOf(this.database.manager, tenantId);
  }

  async commands(tenantId: string, alertId: string | undefined, page: Page): Promise<CommandRecord[]> {
    const query = this.database.manager
      .createQueryBuilder(CommandRecord, 'command')
      .where('command.tenant_id = :tenantId', { tenantId })
      .orderBy('command.requestedAt', 'DESC')
      .addOrderBy('command.id', 'DESC')
      .take(page.limit);
    if (alertId !== undefined) query.andWhere('command.alert_id = :alertId', { alertId });
    if (page.cursor !== undefined) {
      query.andWhere(
        '(command.requested_at, command.id) < (SELECT c.requested_at, c.id FROM commands c WHERE c.id = :cursor AND c.tenant_id = :tenantId)',
        { cursor: page.cursor },
      );
    }
    return query.getMany();
  }

  hosts(tenantId: string): Promise<Host[]> {
    return this.database.manager.find(Host, { where: { tenantId }, order: { name: 'ASC' }, take: hostsMax });
  }

  host(tenantId: string, id: string): Promise<Host | null> {
    return this.database.manager.findOneBy(Host, { tenantId, id });
  }

  /** Names of hosts by id. */
  async hostNames(tenantId: string): Promise<Map<string, string>> {
    const hosts = await this.database.manager.find(Host, {
      select: { id: true, name: true },
      where: { tenantId },
      take: hostsMax,
    });
    return new Map(hosts.map(({ id, name }) => [id, name]));
  }

  /** What the tenant's hosts are to hold; undefined when it never put a policy in force. */
  async newestHostPolicy(tenantId: string): Promise<{ epoch: bigint; number: number } | undefined> {
    const found = await this.database.manager.findOne(HostPolicyRecord, {
      select: { tenantId: true, epoch: true, number: true },
      where: { tenantId },
    });
    return found === null ? undefined : { epoch: BigInt(found.epoch), number: found.number };
  }

  /** SQL, for sums over all alerts. */
  async totals(tenantId: string): Promise<AlertTotals> {
    const rows = await this.database.query<OpenRow[]>(
      `SELECT severity, host_id, container_id, count(*)::int AS count FROM alert_handlings
       WHERE tenant_id = $1 AND state = ANY($2) GROUP BY severity, host_id, container_id LIMIT 10000`,
      [tenantId, openStates],
    );
    const [sums] = await this.database.query<SumRow[]>(
      `SELECT count(*)::int AS total, coalesce(sum(files_restored), 0)::int AS restored, coalesce(sum(files_removed), 0)::int AS removed,
         coalesce(sum(files_unchanged), 0)::int AS unchanged, coalesce(sum(files_lost), 0)::int AS lost,
         coalesce(sum(files_conflict), 0)::int AS conflict
       FROM alert_handlings WHERE tenant_id = $1 AND created_at > now() - interval '30 days'`,
      [tenantId],
    );
    const { total, ...files } = sums ?? { total: 0, restored: 0, removed: 0, unchanged: 0, lost: 0, conflict: 0 };
    return {
      total,
      files,
      openBySeverity: summed(rows, ({ severity }) => severity),
      openByHost: summed(rows, ({ host_id }) => host_id),
      openByContainer: summed(rows, ({ container_id }) => container_id),
    };
  }
}

interface OpenRow {
  severity: number;
  host_id: string;
  container_id: string;
  count: number;
}

interface SumRow {
  total: number;
  restored: number;
  removed: number;
  unchanged: number;
  lost: number;
  conflict: number;
}

function summed<Key>(rows: readonly OpenRow[], keyOf: (row: OpenRow) => Key): Map<Key, number> {
  const sums = new Map<Key, number>();
  for (const row of rows) sums.set(keyOf(row), (sums.get(keyOf(row)) ?? 0) + row.count);
  return sums;
}

function narrow(query: SelectQueryBuilder<AlertHandling>, filter: AlertFilter): void {
  if (filter.states !== undefined && filter.states.length > 0)
    query.andWhere('alert.state IN (:...states)', { states: filter.states });
  if (filter.severities !== undefined && filter.severities.length > 0) {
    query.andWhere('alert.severity IN (:...severities)', { severities: filter.severities });
  }
  if (filter.hostId !== undefined) query.andWhere('alert.host_id = :hostId', { hostId: filter.hostId });
  if (filter.container !== undefined)
    query.andWhere('alert.container_id LIKE :container', { container: `${filter.container}%` });
  if (filter.idStart !== undefined) {
    // A range, which the primary key answers whatever the collation; "g" follows the last hex digit.
    query.andWhere('alert.id >= :idStart AND alert.id < :idEnd', {
      idStart: filter.idStart,
      idEnd: `${filter.idStart}g`,
    });
  }
  if (filter.ids !== undefined) query.andWhere('alert.id = ANY(:ids)', { ids: filter.ids });
}
