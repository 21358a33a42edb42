// Groups of hosts, which policies may name as subjects.
import { Body, Controller, Delete, Get, Param, Put } from '@nestjs/common';
import { view } from '@norn/contracts';
import { hostGroups, putHostGroup, removeHostGroup, resolvedGroups } from '@norn/store';
import { DataSource } from 'typeorm';
import { Asking, type Principal } from '../access/principal.ts';
import { ControlPlane } from '../model/control-plane.ts';
import { SigningKey } from '../model/signing-key.ts';
import { type HostGroupBody, Parsed, hostGroupBody, hostGroupName } from '../http/bounds.ts';
import { Route, emit } from '../http/route.ts';

@Controller('api/v1/host-groups')
export class HostGroupsController {
  constructor(
    private readonly database: DataSource,
    private readonly control: ControlPlane,
    private readonly signingKey: SigningKey,
  ) {}

  @Get()
  @Route({ summary: 'Groups of hosts, and the hosts in them', access: 'viewer', answers: view.HostGroupListSchema })
  async list(@Asking() { tenantId }: Principal): Promise<object> {
    const [groups, resolved, names] = await Promise.all([
      hostGroups(this.database, tenantId),
      resolvedGroups(this.database.manager, tenantId),
      this.control.hostNames(tenantId),
    ]);
    const hosts = new Map(resolved.map(({ name, hostIds }) => [name, hostIds]));
    return emit(view.HostGroupListSchema, {
      groups: groups.map(({ name, members, changedBy, changedAt }) => ({
        name,
        members,
        hosts: (hosts.get(name) ?? []).map((id) => names.get(id) ?? id),
        changedBy,
        changedAt: changedAt.toISOString(),
      })),
    });
  }

  @Put(':name')
  @Route({
    summary: 'Makes a group of hosts, or gives it other members',
    access: 'admin',
    answers: view.HostGroupListSchema,
    body: hostGroupBody,
  })
  async put(
    @Asking() asking: Principal,
    @Param('name', new Parsed(hostGroupName)) name: string,
    @Body(new Parsed(hostGroupBody)) { members }: HostGroupBody,
  ): Promise<object> {
    const change = { tenantId: asking.tenantId, actor: asking.userName, name, members };
    await putHostGroup(this.database, change, this.signingKey.hostPolicy);
    return this.list(asking);
  }

  @Delete(':name')
  @Route({ summary: 'Removes a group of hosts', access: 'admin', answers: view.HostGroupListSchema })
  async remove(@Asking() asking: Principal, @Param('name', new Parsed(hostGroupName)) name: string): Promise<object> {
    const change = { tenantId: asking.tenantId, actor: asking.userName, name };
    await removeHostGroup(this.database, change, this.signingKey.hostPolicy);
    return this.list(asking);
  }
}
