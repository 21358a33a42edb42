// The hosts of a tenant, each with its state.
import { Injectable } from '@nestjs/common';
import { NornError } from '@norn/base';
import { ControlPlane } from '../control-plane.ts';
import { Telemetry } from '../telemetry.port.ts';
import { type HostState, type Loss, isPast, stateOf } from './host-state.ts';
import { type LossRow, lossLatelyQuery, placeName } from './host.queries.ts';

@Injectable()
export class HostStates {
  constructor(
    private readonly control: ControlPlane,
    private readonly telemetry: Telemetry,
  ) {}

  /** Without containers that ended a while ago. */
  async all(tenantId: string): Promise<HostState[]> {
    const [hosts, lost] = await Promise.all([this.control.hosts(tenantId), this.lostLately(tenantId)]);
    const now = new Date();
    return hosts
      .filter((host) => !isPast(host, now))
      .map((host) => stateOf(host, { now, lostLately: lost.get(host.id) ?? [] }));
  }

  /** Throws `host_unknown`. */
  async one(tenantId: string, id: string): Promise<HostState> {
    const host = await this.control.host(tenantId, id);
    if (host === null) throw new NornError('host_unknown', `There is no host ${id} in your tenant`);
    const lost = await this.lostLately(tenantId);
    return stateOf(host, { now: new Date(), lostLately: lost.get(id) ?? [] });
  }

  private async lostLately(tenantId: string): Promise<Map<string, Loss[]>> {
    const rows = await this.telemetry.rowsOrNone<LossRow>(tenantId, lossLatelyQuery());
    const byHost = Map.groupBy(rows, ({ hostId }) => hostId);
    const loss = ({ lost, place }: LossRow): Loss => ({ events: Number(lost), place: placeName(place) });
    return new Map([...byHost].map(([hostId, losses]) => [hostId, losses.map(loss)]));
  }
}
