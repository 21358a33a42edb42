// That a host has a command or runs it: one statement, since the outcome that says how it ended waits behind it.
import type { EntityManager } from 'typeorm';
import { limits } from '../limits.ts';
import type { SentOutcome } from '../ports/response-ledger.port.ts';
import { isFinal, stateNamed, statesBefore } from '@norn/response';

/**
 * True when that was all there was to do. It needs neither inbox nor lock: said twice it changes nothing, and no alert's state follows from it.
 * False leaves everything to `settleOutcome`: it is final, it says more than a state, or the command is not there or further on. SQL, for the
 * database's clock, and to say whether it moved.
 */
export async function noteProgress(
  manager: EntityManager,
  { tenantId, hostId, outcome }: SentOutcome,
): Promise<boolean> {
  const state = stateNamed(outcome);
  if (state === undefined || isFinal(state) || outcome.files.length + outcome.killedPids.length > 0) return false;
  const [, moved] = await manager.query<[unknown, number]>(
    `UPDATE commands SET state = $4, code = $5, message = $6, updated_at = now(), retry_at = now() + $7 * interval '1 millisecond'
     WHERE id = $1 AND tenant_id = $2 AND host_id = $3 AND state = ANY($8)`,
    [
      outcome.commandId,
      tenantId,
      hostId,
      state,
      outcome.code,
      outcome.message,
      limits.deliveredRetryMs,
      statesBefore(state),
    ],
  );
  return moved > 0;
}
