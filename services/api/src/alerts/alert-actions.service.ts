// What a person does about an alert: a signed command on its way to the host, or the alert put away.
import { Injectable } from '@nestjs/common';
import { NornError } from '@norn/base';
import type { view } from '@norn/contracts';
import { findingsToRestore } from '@norn/response';
import { type ActionName, type ActionRequest, type PersonIssuer, archiveAlert, requestAction } from '@norn/store';
import { currentTraceparent } from '@norn/telemetry';
import { DataSource } from 'typeorm';
import type { Principal } from '../access/principal.ts';
import { SigningKey } from '../model/signing-key.ts';
import { ApiConfig } from '../api.config.ts';
import { CommandViews } from '../model/command/command-views.ts';

@Injectable()
export class AlertActionsService {
  private readonly issuer: PersonIssuer;

  constructor(
    private readonly database: DataSource,
    private readonly commandViews: CommandViews,
    signingKey: SigningKey,
    { settings }: ApiConfig,
  ) {
    this.issuer = { sign: signingKey.command, commandTtlMs: settings.commandTtlMs, findingsToRestore };
  }

  /** Throws `alert_unknown`, `action_pending`, `no_container` and `nothing_to_undo`. */
  async request(
    { tenantId, userName }: Principal,
    alertId: string,
    action: ActionName,
    what: Pick<ActionRequest, 'paths' | 'running'> = {},
  ): Promise<view.CommandView> {
    const command = await requestAction(this.database, this.issuer, {
      tenantId,
      alertId,
      action,
      requestedBy: userName,
      traceparent: currentTraceparent(),
      ...what,
    });
    const [commandView] = await this.commandViews.of(tenantId, [command]);
    if (commandView === undefined) throw new NornError('internal', `Command ${command.id} has no view`);
    return commandView;
  }

  /** Throws `alert_unknown`. */
  async archive({ tenantId, userName }: Principal, alertId: string): Promise<void> {
    await archiveAlert(this.database, { tenantId, alertId, requestedBy: userName });
  }
}
