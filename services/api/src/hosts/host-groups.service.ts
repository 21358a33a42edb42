// Groups of hosts; with each change the hosts have their policy anew.
import { create } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { view } from '@norn/contracts';
import { unsignedHostPolicy } from '@norn/response';
import { hostGroups, putHostGroup, removeHostGroup, resolvedGroups } from '@norn/store';
import { DataSource } from 'typeorm';
import type { Principal } from '../access/principal.ts';
import { ControlPlane } from '../model/control-plane.ts';

@Injectable()
export class HostGroupsService {
  constructor(
    private readonly database: DataSource,
    private readonly control: ControlPlane,
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
    await putHostGroup(this.database, { tenantId, actor: userName, name, members }, unsignedHostPolicy);
    return this.list(tenantId);
  }

  /** Throws `host_group_unknown`. */
  async remove({ tenantId, userName }: Principal, name: string): Promise<view.HostGroupList> {
    await removeHostGroup(this.database, { tenantId, actor: userName, name }, unsignedHostPolicy);
    return this.list(tenantId);
  }
}
