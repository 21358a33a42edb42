// The policies in force, out of the control plane. While that is away the last ones known go on: no batch waits for it.
import { messageOf } from '@norn/base';
import { PolicyEngine, parsePolicy } from '@norn/response';
import {
  type ControlStoreConfig,
  Host,
  type PolicyVersion,
  allResolvedGroups,
  createControlStore,
  hostPoliciesMark,
  policiesInForce,
} from '@norn/store';
import { createLogger } from '@norn/telemetry';
import type { DataSource } from 'typeorm';
import { limits } from '../limits.ts';
import type { Policies, TenantPolicy } from '../ports/policies.port.ts';

/** A policy is in force after at most this time, ms. */
const REFRESH_MS = 5_000;
/** The store's start holds one connection while it migrates by another. */
const POOL_MAX = 2;

export class PostgresPolicies implements Policies {
  private readonly log = createLogger('detection');
  private engines = new Map<string, Pick<TenantPolicy, 'engine' | 'number'>>();
  private hostNames = new Map<string, string>();
  /** Names by host. */
  private groups = new Map<string, readonly string[]>();
  private source: DataSource | undefined;
  private mark = '';
  private away = false;
  private timer: NodeJS.Timeout | undefined;
  private refreshing: Promise<void> = Promise.resolve();

  constructor(private readonly config: ControlStoreConfig) {}

  /** Resolves when the policies are there, or the control plane is found to be away. */
  async open(): Promise<void> {
    await this.refreshOrTell();
    this.timer = setInterval(() => {
      this.refreshing = this.refreshing.then(() => this.refreshOrTell());
    }, REFRESH_MS);
  }

  of(tenantId: string): TenantPolicy | undefined {
    const known = this.engines.get(tenantId);
    return (
      known && { ...known, groupsOf: (hostId) => [hostId, ...this.nameOf(hostId), ...(this.groups.get(hostId) ?? [])] }
    );
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.refreshing;
    await this.source?.destroy();
  }

  private nameOf(hostId: string): string[] {
    const name = this.hostNames.get(hostId);
    return name === undefined ? [] : [name];
  }

  private async refreshOrTell(): Promise<void> {
    try {
      await this.refresh();
      this.away = false;
    } catch (error) {
      if (!this.away) this.log.warn({ code: 'policies_away' }, `Policies stay as they are: ${messageOf(error)}`);
      this.away = true;
    }
  }

  private async refresh(): Promise<void> {
    this.source ??= await createControlStore({ ...this.config, poolMax: POOL_MAX });
    const mark = await hostPoliciesMark(this.source);
    if (mark === this.mark) return;
    const [versions, named, groups] = await Promise.all([
      policiesInForce(this.source),
      this.source.manager.find(Host, { select: { id: true, name: true }, take: limits.hostsMax }),
      allResolvedGroups(this.source),
    ]);
    const memberships = groups.flatMap(({ name, hostIds }) => hostIds.map((hostId) => ({ name, hostId })));
    this.groups = new Map(
      [...Map.groupBy(memberships, ({ hostId }) => hostId)].map(([hostId, of]) => [hostId, of.map(({ name }) => name)]),
    );
    this.hostNames = new Map(named.map(({ id, name }) => [id, name]));
    this.engines = new Map(versions.flatMap((version) => this.engineOf(version)));
    this.mark = mark;
  }

  /** One that can not be used any more is told of, and the protections' own responses hold. */
  private engineOf({ tenantId, number, body }: PolicyVersion): [string, Pick<TenantPolicy, 'engine' | 'number'>][] {
    const known = this.engines.get(tenantId);
    if (known?.number === number) return [[tenantId, known]];
    try {
      return [[tenantId, { engine: new PolicyEngine(parsePolicy('policy.yml', body)), number }]];
    } catch (error) {
      this.log.warn({ code: 'policy_refused', tenantId, number }, `A policy is left out: ${messageOf(error)}`);
      return [];
    }
  }
}
