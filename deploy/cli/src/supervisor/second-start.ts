// Two commands that start one installation at once: the second is told what the first is doing, and touches nothing of it.
import { NornError } from '@norn/base';
import { runCommand, waitForLock } from '@norn/embedded';
import type { Installation } from '../installation/installation.ts';
import { readRunState } from '../installation/run-state.ts';

/** Throws `already_starting` and `already_running` when another command has started this installation. What is being stopped is waited for. */
export function refuseSecondStart(installation: Installation): void {
  const phase = readRunState(installation)?.phase;
  if (phase === 'starting' || phase === 'ready') throw secondStart(installation);
}

/** Why it is not started, by what the other one has come to. */
export function secondStart(installation: Installation, cause?: unknown): NornError {
  const { home } = installation;
  const state = readRunState(installation);
  if (state?.phase === 'ready')
    return new NornError('already_running', `${home} runs already, started by another command: ./norn status`, {
      cause,
    });
  if (state?.phase === 'stopping')
    return new NornError('still_stopping', `${home} is still being stopped: wait for that, then ./norn up`, { cause });
  // Until its supervisor has said something there is nothing to tell of it.
  const told = state ? ` (${state.message})` : '';
  const what = `${home} is starting already, by another command${told}`;
  return new NornError('already_starting', `${what}: ./norn status says when it is up, ./norn down stops it`, {
    cause,
  });
}

/** Until no supervisor of this installation runs: the lock lies in its own home. Throws what `refuseSecondStart` does, and `still_stopping`. */
export async function waitForOwnLock(
  installation: Installation,
  lockFile: string,
  waitSeconds?: number,
): Promise<void> {
  refuseSecondStart(installation);
  await waitForLock(lockFile, 'installation', waitSeconds).catch((error: unknown) => {
    throw secondStart(installation, error);
  });
}

export async function isHeld(lockFile: string): Promise<boolean> {
  try {
    await runCommand('flock', ['-n', lockFile, 'true']);
    return false;
  } catch {
    return true;
  }
}
