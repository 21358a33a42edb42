// Hosts, containers and commands.
import { Controller, Get, Param, Query } from '@nestjs/common';
import { view } from '@norn/contracts';
import { Asking, type Principal } from '../access/principal.ts';
import { Parsed, hostId } from '../http/bounds.ts';
import { type CommandsQuery, commandsQuery } from './hosts.request.ts';
import { Route, emit } from '../http/route.ts';
import { HostsService } from './hosts.service.ts';

@Controller('api/v1')
export class HostsController {
  constructor(private readonly service: HostsService) {}

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
