// The policies in force, out of the control plane.
import { messageOf } from '@norn/base';
import { PolicyEngine, parsePolicy } from '@norn/response';
import { Host, type PolicyVersion, allResolvedGroups, hostPoliciesMark, policiesInForce } from '@norn/store';
import { createLogger } from '@norn/telemetry';
import type { DataSource } from 'typeorm';
import { limits } from '../limits.ts';
import type { Policies, TenantPolicy } from '../ports/policies.port.ts';
import type { ControlPlane } from './control-plane.ts';
import { ControlPoll } from './control-poll.ts';

export class PostgresPolicies implements Policies {
  private readonly log = createLogger('detection');
  private engines = new Map<string, Pick<TenantPolicy, 'engine' | 'number'>>();
  private hostNames = new Map<string, string>();
  /** Names by host. */
  private groups = new Map<string, readonly string[]>();
  private readonly poll: ControlPoll;

  constructor(control: ControlPlane) {
    this.poll = new ControlPoll(control, {
      name: 'Policies',
      awayCode: 'policies_away',
      mark: hostPoliciesMark,
      read: (source) => this.read(source),
    });
  }

  /** Resolves when the policies are there, or the control plane is found to be away. */
  open(): Promise<void> {
    return this.poll.open();
  }

  of(tenantId: string): TenantPolicy | undefined {
    const known = this.engines.get(tenantId);
    return (
      known && { ...known, groupsOf: (hostId) => [hostId, ...this.nameOf(hostId), ...(this.groups.get(hostId) ?? [])] }
    );
  }

  close(): Promise<void> {
    return this.poll.close();
  }

  private nameOf(hostId: string): string[] {
    const name = this.hostNames.get(hostId);
    return name === undefined ? [] : [name];
  }

  private async read(source: DataSource): Promise<void> {
    const [versions, named, groups] = await Promise.all([
      policiesInForce(source),
      source.manager.find(Host, { select: { id: true, name: true }, take: limits.hostsMax }),
      allResolvedGroups(source),
    ]);
    const memberships = groups.flatMap(({ name, hostIds }) => hostIds.map((hostId) => ({ name, hostId })));
    this.groups = new Map(
      [...Map.groupBy(memberships, ({ hostId }) => hostId)].map(([hostId, of]) => [hostId, of.map(({ name }) => name)]),
    );
    this.hostNames = new Map(named.map(({ id, name }) => [id, name]));
    this.engines = new Map(versions.flatMap((version) => this.engineOf(version)));
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
