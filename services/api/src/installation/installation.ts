// Hosts, containers, commands and the state of the whole, for one tenant.
import { create } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import { NornError, messageOf } from '@norn/base';
import { view } from '@norn/contracts';
import type { CommandRecord, Host, TenantQueryParts } from '@norn/store';
import { type Logger, createLogger } from '@norn/telemetry';
import { ControlPlane } from '../model/control-plane.ts';
import type { CommandsQuery } from '../http/bounds.ts';
import { Telemetry } from '../model/telemetry.port.ts';
import type { ContainerRow } from '../model/attack/attack.queries.ts';
import { readAttack } from '../model/attack/attack.ts';
import { commandView } from '../model/commands/command.view.ts';
import { type Loss, containerOfFact, hostView, isPast, readFacts } from '../views/host-view.ts';
import { containerView } from '../model/containers/container.view.ts';
import {
  type GapRow,
  type LossRow,
  type QuarantinedRow,
  lossLatelyQuery,
  placeName,
  containersMax,
  containersQuery,
  gapView,
  gapsQuery,
  quarantineQuery,
  quarantinedView,
} from './installation-queries.ts';

@Injectable()
export class Installation {
  private readonly log: Logger = createLogger('api');

  constructor(
    private readonly control: ControlPlane,
    private readonly telemetry: Telemetry,
  ) {}

  async hosts(tenantId: string): Promise<view.HostView[]> {
    const [hosts, totals, lost, newestPolicy] = await Promise.all([
      this.control.hosts(tenantId),
      this.control.totals(tenantId),
      this.lostLately(tenantId),
      this.control.newestHostPolicy(tenantId),
    ]);
    const now = new Date();
    return hosts
      .filter((host) => !isPast(host, now))
      .map((host) =>
        hostView(host, {
          now,
          newestPolicy,
          openAlerts: totals.openByHost.get(host.id) ?? 0,
          gaps: [],
          quarantine: [],
          lostLately: lost.get(host.id) ?? [],
        }),
      );
  }

  async host(tenantId: string, id: string): Promise<view.HostView> {
    const host = await this.control.host(tenantId, id);
    if (host === null) throw new NornError('host_unknown', `There is no host ${id} in your tenant`);
    const [totals, gaps, quarantined, lost, newestPolicy] = await Promise.all([
      this.control.totals(tenantId),
      this.read<GapRow>(tenantId, gapsQuery(id)),
      this.read<QuarantinedRow>(tenantId, quarantineQuery(id)),
      this.lostLately(tenantId),
      this.control.newestHostPolicy(tenantId),
    ]);
    return hostView(host, {
      now: new Date(),
      newestPolicy,
      openAlerts: totals.openByHost.get(id) ?? 0,
      gaps: gaps.map(gapView),
      quarantine: quarantined.map(quarantinedView),
      lostLately: lost.get(id) ?? [],
    });
  }

  private async lostLately(tenantId: string): Promise<Map<string, Loss[]>> {
    const rows = await this.read<LossRow>(tenantId, lossLatelyQuery());
    const byHost = Map.groupBy(rows, ({ hostId }) => hostId);
    const loss = ({ lost, place }: LossRow): Loss => ({ events: Number(lost), place: placeName(place) });
    return new Map([...byHost].map(([hostId, losses]) => [hostId, losses.map(loss)]));
  }

  /** What the hosts say runs now, and what storage remembers of the rest; running first, then the newest. */
  async containers(tenantId: string): Promise<view.ContainerList> {
    const [hosts, totals, rows] = await Promise.all([
      this.control.hosts(tenantId),
      this.control.totals(tenantId),
      this.read<ContainerRow>(tenantId, containersQuery()),
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
    const views = await this.commandViews(tenantId, commands);
    const nextCursor = commands.length === query.limit ? (commands.at(-1)?.id ?? '') : '';
    return create(view.CommandListSchema, { commands: views, nextCursor });
  }

  async commandViews(tenantId: string, commands: readonly CommandRecord[]): Promise<view.CommandView[]> {
    const ids = [...new Set(commands.map(({ alertId }) => alertId))];
    const [hostNames, handlings] = await Promise.all([
      this.control.hostNames(tenantId),
      ids.length === 0 ? [] : this.control.alertsById(tenantId, ids),
    ]);
    const alerts = new Map(handlings.map((handling) => [handling.id, readAttack(handling).alert]));
    return commands.map((command) => {
      const alert = alerts.get(command.alertId);
      const hostName = hostNames.get(command.hostId) ?? command.hostId;
      return commandView(command, { hostName, alertTitle: alert?.title ?? '', containerId: alert?.containerId ?? '' });
    });
  }

  private async read<Row>(tenantId: string, query: TenantQueryParts): Promise<Row[]> {
    try {
      return await this.telemetry.rows<Row>(tenantId, query);
    } catch (error) {
      this.log.warn(
        { error: messageOf(error) },
        'stored events could not be read; showing what the control plane knows',
      );
      return [];
    }
  }
}

function nameIn(hosts: readonly Host[], id: string): string {
  return hosts.find((host) => host.id === id)?.name ?? id;
}
