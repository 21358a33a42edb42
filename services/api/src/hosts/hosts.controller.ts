// Hosts, containers and commands.
import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { view } from '@norn/contracts';
import { Asking, type Principal } from '../access/principal.ts';
import { Parsed, hostId } from '../http/bounds.ts';
import { type CommandsQuery, type MaintenanceBody, commandsQuery, maintenanceBody } from './hosts.request.ts';
import { Route, emit } from '../http/route.ts';
import { HostAccessService } from './host-access.service.ts';
import { HostsService } from './hosts.service.ts';

@Controller('api/v1')
export class HostsController {
  constructor(
    private readonly service: HostsService,
    private readonly access: HostAccessService,
  ) {}

  @Get('hosts')
  @Route({ summary: 'Hosts with their capabilities', access: 'viewer', answers: view.HostListSchema })
  async hosts(@Asking() { tenantId }: Principal): Promise<object> {
    return emit(view.HostListSchema, { hosts: await this.service.list(tenantId) });
  }

  @Get('hosts/:id')
  @Route({ summary: 'One host with its gaps', access: 'viewer', answers: view.HostViewSchema })
  async host(@Asking() { tenantId }: Principal, @Param('id', new Parsed(hostId)) id: string): Promise<object> {
    return emit(view.HostViewSchema, await this.service.one(tenantId, id));
  }

  @Post('hosts/:id/revoke')
  @HttpCode(200)
  @Route({
    summary: 'Refuses the certificates of a host, which can then join as another one only',
    access: 'admin',
    answers: view.HostListSchema,
  })
  async revoke(@Asking() asking: Principal, @Param('id', new Parsed(hostId)) id: string): Promise<object> {
    await this.access.revoke(asking, id);
    return emit(view.HostListSchema, { hosts: await this.service.list(asking.tenantId) });
  }

  @Post('hosts/:id/maintenance')
  @HttpCode(200)
  @Route({
    summary:
      'Begins a maintenance: until it is over nobody is told that the host fell silent or that its agent was stopped',
    access: 'admin',
    body: maintenanceBody,
    answers: view.HostListSchema,
  })
  async maintain(
    @Asking() asking: Principal,
    @Param('id', new Parsed(hostId)) id: string,
    @Body(new Parsed(maintenanceBody)) { minutes }: MaintenanceBody,
  ): Promise<object> {
    await this.access.maintain(asking, id, minutes);
    return emit(view.HostListSchema, { hosts: await this.service.list(asking.tenantId) });
  }

  @Post('hosts/:id/maintenance-token')
  @HttpCode(200)
  @Route({
    summary: 'Shows the token with which the agent of a host is stopped once, also while the host is offline',
    access: 'admin',
    answers: view.MaintenanceTokenViewSchema,
  })
  async token(@Asking() asking: Principal, @Param('id', new Parsed(hostId)) id: string): Promise<object> {
    return emit(view.MaintenanceTokenViewSchema, { token: await this.access.token(asking, id) });
  }

  @Delete('hosts/:id/maintenance')
  @Route({
    summary: 'Ends a maintenance: from now on the host is missed again',
    access: 'admin',
    answers: view.HostListSchema,
  })
  async endMaintenance(@Asking() asking: Principal, @Param('id', new Parsed(hostId)) id: string): Promise<object> {
    await this.access.maintain(asking, id);
    return emit(view.HostListSchema, { hosts: await this.service.list(asking.tenantId) });
  }

  @Delete('hosts/:id')
  @Route({
    summary: 'Forgets a host and refuses it; its alerts and events stay',
    access: 'admin',
    answers: view.HostListSchema,
  })
  async remove(@Asking() asking: Principal, @Param('id', new Parsed(hostId)) id: string): Promise<object> {
    await this.access.remove(asking, id);
    return emit(view.HostListSchema, { hosts: await this.service.list(asking.tenantId) });
  }

  @Get('containers')
  @Route({ summary: 'Containers, those with open alerts first', access: 'viewer', answers: view.ContainerListSchema })
  async containers(@Asking() { tenantId }: Principal): Promise<object> {
    return emit(view.ContainerListSchema, await this.service.containers(tenantId));
  }

  @Get('commands')
  @Route({
    summary: 'Commands with their outcome, newest first',
    access: 'viewer',
    answers: view.CommandListSchema,
    query: commandsQuery,
  })
  async commands(
    @Asking() { tenantId }: Principal,
    @Query(new Parsed(commandsQuery)) query: CommandsQuery,
  ): Promise<object> {
    return emit(view.CommandListSchema, await this.service.commands(tenantId, query));
  }
}
