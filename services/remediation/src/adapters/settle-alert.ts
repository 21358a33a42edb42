// An alert's state follows from its commands.
import { AlertHandling, CommandRecord, moveAlert } from '@norn/store';
import type { EntityManager } from 'typeorm';
import { alertStateAfter } from '@norn/response';

/** In the caller's transaction, with the alert's row locked. */
export async function settleAlert(manager: EntityManager, alertId: string): Promise<void> {
  const handling = await manager.findOneByOrFail(AlertHandling, { id: alertId });
  const commands = await manager.find(CommandRecord, { where: { alertId }, order: { epoch: 'ASC' } });
  const state = alertStateAfter(handling.state, commands, handling);
  if (state === handling.state) return;
  await moveAlert(manager, alertId, state);
}
