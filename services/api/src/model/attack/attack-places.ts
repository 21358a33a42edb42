// Names of where an attack happened: the host's from the control plane, the container's from the alert or, when the runtime told late, from storage.
import { Injectable } from '@nestjs/common';
import { messageOf } from '@norn/base';
import { type Logger, createLogger } from '@norn/telemetry';
import { ControlPlane } from '../control-plane.ts';
import { Telemetry } from '../telemetry.port.ts';
import type { Attack, Place } from './attack.ts';
import { podView } from '../container/pod.view.ts';
import { type ContainerRow, containersByIdQuery } from '../container/container.queries.ts';

@Injectable()
export class AttackPlaces {
  private readonly log: Logger = createLogger('api');

  constructor(
    private readonly control: ControlPlane,
    private readonly telemetry: Telemetry,
  ) {}

  async of(tenantId: string, attacks: readonly Attack[]): Promise<(attack: Attack) => Place> {
    const ids = [...new Set(attacks.map(({ alert }) => alert.containerId).filter((id) => id !== ''))];
    const [hostNames, containers] = await Promise.all([
      this.control.hostNames(tenantId),
      this.containers(tenantId, ids),
    ]);
    return ({ alert, handling }) => {
      const row = containers.get(alert.containerId);
      const hostIds = [...new Set(alert.findings.flatMap((each) => each.hostIds))];
      return {
        hosts: hostIds.map((hostId) => ({ hostId, hostName: hostNames.get(hostId) ?? hostId })),
        hostName: hostNames.get(handling.hostId) ?? handling.hostId,
        containerName: row?.name || alert.containerName,
        containerImage: row?.image || alert.containerImage,
        podName: row?.podName ?? '',
        podNamespace: row?.podNamespace ?? '',
        imageDigest: row?.imageDigest ?? '',
        pod: podView(row),
      };
    };
  }

  /** Without stored events the alert's own words must do. */
  async containers(tenantId: string, ids: readonly string[]): Promise<Map<string, ContainerRow>> {
    if (ids.length === 0) return new Map();
    try {
      const rows = await this.telemetry.rows<ContainerRow>(tenantId, containersByIdQuery(ids));
      return new Map(rows.map((row) => [row.containerId, row]));
    } catch (error) {
      this.log.warn({ error: messageOf(error) }, 'containers could not be read; their names come from the alerts');
      return new Map();
    }
  }
}
