// Ends the supervisor, which ends its parts; and what is left when the supervisor was killed.
import { endProcess, isAlive } from '@norn/embedded';
import type { Installation } from '../installation/installation.ts';
import { endBaldur } from '../supervisor/parts.ts';
import { clearRunState, readLastState } from '../installation/run-state.ts';

const supervisorKillAfterMs = 60_000;
const partKillAfterMs = 15_000;

/** Returns what it did. */
export async function down(installation: Installation): Promise<string> {
  const state = readLastState(installation);
  if (!state) return `Nothing of ${installation.home} runs`;
  const ran = isAlive(state.supervisor);
  await endProcess(state.supervisor, supervisorKillAfterMs);
  const left = state.parts.flatMap(({ process }) => (process && isAlive(process) ? [process] : []));
  await Promise.all(left.map((process) => endProcess(process, partKillAfterMs)));
  await endBaldur(installation);
  clearRunState(installation);
  if (ran) return `Stopped ${installation.home}`;
  return left.length > 0
    ? `Stopped ${left.length} processes that a dead supervisor left`
    : `Nothing of ${installation.home} runs`;
}
