// Commands as people see them, each with its host and the alert that it answers.
import { Injectable } from '@nestjs/common';
import type { view } from '@norn/contracts';
import type { CommandRecord } from '@norn/store';
import { readAttack } from '../attack/attack.ts';
import { ControlPlane } from '../control-plane.ts';
import { commandView } from './command.view.ts';

@Injectable()
export class CommandViews {
  constructor(private readonly control: ControlPlane) {}

  /** In the order given. */
  async of(tenantId: string, commands: readonly CommandRecord[]): Promise<view.CommandView[]> {
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
}
