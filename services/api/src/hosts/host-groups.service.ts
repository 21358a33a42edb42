// Groups of hosts; each change is signed for the hosts.
import { create } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { view } from '@norn/contracts';
import { hostGroups, putHostGroup, removeHostGroup, resolvedGroups } from '@norn/store';
import { DataSource } from 'typeorm';
import type { Principal } from '../access/principal.ts';
import { ControlPlane } from '../model/control-plane.ts';
import { SigningKey } from '../model/signing-key.ts';

@Injectable()
export class HostGroupsService {
  constructor(
    private readonly database: DataSource,
    private readonly control: ControlPlane,
    private readonly signingKey: SigningKey,
  ) {}

  async list(tenantId: string): Promise<view.HostGroupList> {
    const [groups, resolved, names] = await Promise.all([
      hostGroups(this.database, tenantId),
      resolvedGroups(this.database.manager, tenantId),
      this.control.hostNames(tenantId),
    ]);
    const hosts = new Map(resolved.map(({ name, hostIds }) => [name, hostIds]));
    return create(view.HostGroupListSchema, {
      groups: groups.map(({ name, members, changedBy, changedAt }) => ({
        name,
        members,
        hosts: (hosts.get(name) ?? []).map((id) => names.get(id) ?? id),
        changedBy,
        changedAt: changedAt.toISOString(),
      })),
    });
  }

  /** Throws `host_groups_too_many`. */
  async put({ tenantId, userName }: Principal, name: string, members: string[]): Promise<view.HostGroupList> {
    await putHostGroup(this.database, { tenantId, actor: userName, name, members }, this.signingKey.hostPolicy);
    return this.list(tenantId);
  }

  /** Throws `host_group_unknown`. */
  async remove({ tenantId, userName }: Principal, name: string): Promise<view.HostGroupList> {
    await removeHostGroup(this.database, { tenantId, actor: userName, name }, this.signingKey.hostPolicy);
    return this.list(tenantId);
  }
}
