// Hosts with their containers and commands, and groups of hosts.
import { Module } from '@nestjs/common';
import { ModelModule } from '../model/model.module.ts';
import { HostAccessService } from './host-access.service.ts';
import { HostGroupsController } from './host-groups.controller.ts';
import { HostGroupsService } from './host-groups.service.ts';
import { HostsController } from './hosts.controller.ts';
import { HostsService } from './hosts.service.ts';

@Module({
  imports: [ModelModule],
  controllers: [HostsController, HostGroupsController],
  providers: [HostsService, HostAccessService, HostGroupsService],
})
export class HostsModule {}
