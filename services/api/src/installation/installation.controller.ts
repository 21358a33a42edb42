// Hosts, containers, commands and the overview.
import { Controller, Get, Param, Query } from '@nestjs/common';
import { view } from '@norn/contracts';
import { Asking, type Principal } from '../access/principal.ts';
import { type CommandsQuery, Parsed, commandsQuery, hostId } from '../http/bounds.ts';
import { Route, emit } from '../http/route.ts';
import { Installation } from './installation.ts';
import { Status } from './status.ts';

@Controller('api/v1')
export class InstallationController {
  constructor(
    private readonly installation: Installation,
    private readonly status: Status,
  ) {}

  @Get('status')
  @Route({ summary: 'The installation in one look', access: 'viewer', answers: view.StatusViewSchema })
  async overview(@Asking() { tenantId }: Principal): Promise<object> {
    return emit(view.StatusViewSchema, await this.status.of(tenantId));
  }

  @Get('hosts')
  @Route({ summary: 'Hosts with their capabilities', access: 'viewer', answers: view.HostListSchema })
  async hosts(@Asking() { tenantId }: Principal): Promise<object> {
    return emit(view.HostListSchema, { hosts: await this.installation.hosts(tenantId) });
  }

  @Get('hosts/:id')
  @Route({ summary: 'One host with its gaps', access: 'viewer', answers: view.HostViewSchema })
  async host(@Asking() { tenantId }: Principal, @Param('id', new Parsed(hostId)) id: string): Promise<object> {
    return emit(view.HostViewSchema, await this.installation.host(tenantId, id));
  }

  @Get('containers')
  @Route({ summary: 'Containers, those with open alerts first', access: 'viewer', answers: view.ContainerListSchema })
  async containers(@Asking() { tenantId }: Principal): Promise<object> {
    return emit(view.ContainerListSchema, await this.installation.containers(tenantId));
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
    return emit(view.CommandListSchema, await this.installation.commands(tenantId, query));
  }
}
