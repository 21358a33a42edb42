// That a host has a command or runs it: one statement, since the outcome that says how it ended waits behind it.
import type { action } from '@norn/contracts';
import { type CommandState, type CommandWord, commandProgressed } from '@norn/store';
import type { EntityManager } from 'typeorm';
import { limits } from '../limits.ts';
import type { SentOutcome } from '../ports/response-ledger.port.ts';
import { isFinal, stateNamed, statesBefore } from '@norn/response';

/**
 * True when that was all there was to do. It needs neither inbox nor lock: said twice it changes nothing, and no alert's state follows from it.
 * False leaves everything to `settleOutcome`: it is final, it says more than a state, or the command is not there or further on.
 */
export async function noteProgress(
  manager: EntityManager,
  { tenantId, hostId, outcome }: SentOutcome,
): Promise<boolean> {
  const state = stateNamed(outcome);
  if (state === undefined || isFinal(state) || outcome.files.length + outcome.killedPids.length > 0) return false;
  return commandProgressed(
    manager,
    { id: outcome.commandId, tenantId, hostId },
    { ...wordOf(outcome, state), from: statesBefore(state) },
  );
}

/** What a host said, and the state that it is. */
export function wordOf({ code, message }: action.Outcome, state: CommandState): CommandWord {
  return { state, code, message, retryMs: limits.deliveredRetryMs };
}
