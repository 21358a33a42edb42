// What a person does about an alert: a command on its way to the host, or the alert put away.
import { Injectable } from '@nestjs/common';
import { NornError } from '@norn/base';
import type { view } from '@norn/contracts';
import { type ActionName, type AlertAction, alertActions, orderOf } from '@norn/response';
import { type PersonIssuer, archiveAlert, requestAction } from '@norn/store';
import { currentTraceparent } from '@norn/telemetry';
import { DataSource } from 'typeorm';
import type { Principal } from '../access/principal.ts';
import { CommandViews } from '../model/command/command-views.ts';
import { SigningKey } from '../model/signing-key.ts';
import { AlertsService } from './alerts.service.ts';

@Injectable()
export class AlertActionsService {
  private readonly issuer: PersonIssuer<ActionName>;

  constructor(
    private readonly database: DataSource,
    private readonly alerts: AlertsService,
    private readonly commandViews: CommandViews,
    signingKey: SigningKey,
  ) {
    this.issuer = { ...signingKey.commands, orderOf };
  }

  /** The command on its way to the host. Throws `alert_unknown`, `action_pending`, `no_container` and `nothing_to_undo`. */
  async command(
    { tenantId, userName }: Principal,
    alertId: string,
    { action, paths = [] }: { readonly action: ActionName; readonly paths?: readonly string[] | undefined },
  ): Promise<view.CommandView> {
    const { takes }: AlertAction = alertActions[action];
    const command = await requestAction(this.database, this.issuer, {
      ...{ tenantId, alertId, action, paths },
      requestedBy: userName,
      traceparent: currentTraceparent(),
      running: takes === 'running' ? await this.alerts.stillRunning(tenantId, alertId) : [],
    });
    const [commandView] = await this.commandViews.of(tenantId, [command]);
    if (commandView === undefined) throw new NornError('internal', `Command ${command.id} has no view`);
    return commandView;
  }

  /** Nothing happens on the host. Throws `alert_unknown`. */
  async archive({ tenantId, userName }: Principal, alertId: string): Promise<view.AlertView> {
    await archiveAlert(this.database, { tenantId, alertId, requestedBy: userName });
    return this.alerts.one(tenantId, alertId);
  }
}
