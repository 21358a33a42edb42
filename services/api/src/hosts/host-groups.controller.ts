// Groups of hosts, which policies may name as subjects.
import { Body, Controller, Delete, Get, Param, Put } from '@nestjs/common';
import { view } from '@norn/contracts';
import { Asking, type Principal } from '../access/principal.ts';
import { Parsed, hostGroupName } from '../http/bounds.ts';
import { type HostGroupBody, hostGroupBody } from './hosts.request.ts';
import { Route, emit } from '../http/route.ts';
import { HostGroupsService } from './host-groups.service.ts';

@Controller('api/v1/host-groups')
export class HostGroupsController {
  constructor(private readonly service: HostGroupsService) {}

  @Get()
  @Route({ summary: 'Groups of hosts, and the hosts in them', access: 'viewer', answers: view.HostGroupListSchema })
  async list(@Asking() { tenantId }: Principal): Promise<object> {
    return emit(view.HostGroupListSchema, await this.service.list(tenantId));
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
    return emit(view.HostGroupListSchema, await this.service.put(asking, name, members));
  }

  @Delete(':name')
  @Route({ summary: 'Removes a group of hosts', access: 'admin', answers: view.HostGroupListSchema })
  async remove(@Asking() asking: Principal, @Param('name', new Parsed(hostGroupName)) name: string): Promise<object> {
    return emit(view.HostGroupListSchema, await this.service.remove(asking, name));
  }
}
