// Hosts, the containers on them and the commands that they were sent, for one tenant.
import { create } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { view } from '@norn/contracts';
import type { Host } from '@norn/store';
import { CommandViews } from '../model/command/command-views.ts';
import type { ContainerRow } from '../model/container/container.queries.ts';
import { containerView } from '../model/container/container.view.ts';
import { ControlPlane } from '../model/control-plane.ts';
import { readFacts } from '../model/host/host-state.ts';
import { HostStates } from '../model/host/host-states.ts';
import { Telemetry } from '../model/telemetry.port.ts';
import {
  type GapRow,
  type QuarantinedRow,
  containersMax,
  containersQuery,
  gapsQuery,
  quarantineQuery,
} from './hosts.queries.ts';
import type { CommandsQuery } from './hosts.request.ts';
import { containerOfFact, hostView } from './hosts.view.ts';

@Injectable()
export class HostsService {
  constructor(
    private readonly control: ControlPlane,
    private readonly telemetry: Telemetry,
    private readonly states: HostStates,
    private readonly commandViews: CommandViews,
  ) {}

  async list(tenantId: string): Promise<view.HostView[]> {
    const [states, totals, newestPolicy] = await Promise.all([
      this.states.all(tenantId),
      this.control.totals(tenantId),
      this.control.newestHostPolicy(tenantId),
    ]);
    return states.map((state) => {
      const openAlerts = totals.openByHost.get(state.host.id) ?? 0;
      return hostView(state, { newestPolicy, openAlerts, gaps: [], quarantined: [] });
    });
  }

  /** Throws `host_unknown`. */
  async one(tenantId: string, id: string): Promise<view.HostView> {
    const [state, totals, newestPolicy, gaps, quarantined] = await Promise.all([
      this.states.one(tenantId, id),
      this.control.totals(tenantId),
      this.control.newestHostPolicy(tenantId),
      this.telemetry.rowsOrNone<GapRow>(tenantId, gapsQuery(id)),
      this.telemetry.rowsOrNone<QuarantinedRow>(tenantId, quarantineQuery(id)),
    ]);
    return hostView(state, { newestPolicy, openAlerts: totals.openByHost.get(id) ?? 0, gaps, quarantined });
  }

  /** What the hosts say runs now, and what storage remembers of the rest; running first, then the newest. */
  async containers(tenantId: string): Promise<view.ContainerList> {
    const [hosts, totals, rows] = await Promise.all([
      this.control.hosts(tenantId),
      this.control.totals(tenantId),
      this.telemetry.rowsOrNone<ContainerRow>(tenantId, containersQuery()),
    ]);
    const byId = new Map(rows.map((row) => [row.containerId, containerView(row, nameIn(hosts, row.hostId), 0)]));
    for (const host of hosts) {
      for (const fact of readFacts(host).containers) byId.set(fact.containerId, containerOfFact(fact, host));
    }
    const containers = [...byId.values()];
    for (const container of containers) container.openAlerts = totals.openByContainer.get(container.containerId) ?? 0;
    containers.sort(
      (a, b) =>
        b.openAlerts - a.openAlerts || Number(b.running) - Number(a.running) || b.startedAt.localeCompare(a.startedAt),
    );
    return create(view.ContainerListSchema, {
      containers: containers.slice(0, containersMax),
      truncated: containers.length > containersMax,
    });
  }

  async commands(tenantId: string, query: CommandsQuery): Promise<view.CommandList> {
    const commands = await this.control.commands(tenantId, query.alert, query);
    const views = await this.commandViews.of(tenantId, commands);
    const nextCursor = commands.length === query.limit ? (commands.at(-1)?.id ?? '') : '';
    return create(view.CommandListSchema, { commands: views, nextCursor });
  }
}

function nameIn(hosts: readonly Host[], id: string): string {
  return hosts.find((host) => host.id === id)?.name ?? id;
}
