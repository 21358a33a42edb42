// Starts the process that holds what runs here, and waits until all of it does.
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { messageOf, NornError } from '@norn/base';
import { isAlive, startPart, waitForLock, type Part } from '@norn/embedded';
import { processSettings, registerFile, repository, type Installation } from './installation.ts';
import { clearRunState, readLastState, readRunState, type RunState } from './run-state.ts';
import { runTasks } from './task-list.ts';

const readyWithinMs = 180_000;
const pollMs = 50;

export interface SupervisorPlan {
  /** See supervisor.main.ts. */
  readonly flags: readonly string[];
  /** It goes on when this process ends. */
  readonly detach: boolean;
}

export interface RunningSupervisor {
  readonly supervisor: Part;
  readonly state: RunState;
}

/** Throws `not_started` with the supervisor's own reason. */
export async function startSupervisor(installation: Installation, plan: SupervisorPlan): Promise<RunningSupervisor> {
  const lockFile = installation.path('run', 'supervisor.lock');
  await waitForLock(lockFile, 'installation');
  clearRunState(installation);
  let supervisor: Part | undefined;
  let told = '';
  await runTasks(() => [
    {
      title: 'Start',
      task: async (_, task) => {
        supervisor = await startPart({
          name: 'supervisor',
          command: process.execPath,
          args: ['--import', registerFile, join(repository, 'deploy/cli/src/up/supervisor.main.ts'), ...plan.flags],
          cwd: installation.home,
          env: processSettings(installation),
          logFile: installation.path('logs', 'supervisor.log'),
          lockFile,
          stopSignal: 'SIGTERM',
          outlivesParent: plan.detach,
          readyWithinMs,
          isReady: () => {
            const state = readLastState(installation);
            if (state && state.message !== told) task.output = told = state.message;
            if (state?.phase === 'failed') throw new NornError('not_started', state.message);
            return state?.phase === 'ready';
          },
        }).catch(failureOf(installation));
      },
    },
  ]);
  const state = readRunState(installation);
  if (supervisor && state) return { supervisor, state };
  throw new NornError('supervisor_gone', `It ended at once: ${installation.path('logs', 'supervisor.log')}`);
}

/** The supervisor's own sentence says more than that it ended. */
function failureOf(installation: Installation): (error: unknown) => Promise<never> {
  return async (error) => {
    const state = readLastState(installation);
    while (state && isAlive(state.supervisor)) await sleep(pollMs);
    const reason = state?.phase === 'failed' ? state.message : messageOf(error);
    throw new NornError('not_started', reason, { cause: error });
  };
}
