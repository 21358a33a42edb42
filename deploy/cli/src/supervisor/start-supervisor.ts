// Starts the process that holds what runs here, and waits until all of it does.
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { messageOf, NornError } from '@norn/base';
import { isAlive, startPart, type Part } from '@norn/embedded';
import { processSettings, registerFile, repository, type Installation } from '../installation/installation.ts';
import { clearRunState, readLastState, readRunState, type RunState } from '../installation/run-state.ts';
import { isHeld, secondStart, waitForOwnLock } from './second-start.ts';
import { runTasks } from '../print/task-list.ts';

/** Of all parts, one group after another, each with a limit of its own (180 s the longest). */
const readyWithinMs = 600_000;
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

/** Throws `not_started` with the supervisor's own reason, and what `refuseSecondStart` does. */
export async function startSupervisor(installation: Installation, plan: SupervisorPlan): Promise<RunningSupervisor> {
  const lockFile = installation.path('run', 'supervisor.lock');
  await waitForOwnLock(installation, lockFile);
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
          args: [
            '--disable-sigusr1',
            '--import',
            registerFile,
            join(repository, 'deploy/cli/src/supervisor/supervisor.main.ts'),
            ...plan.flags,
          ],
          cwd: installation.home,
          env: processSettings(installation),
          logFile: installation.path('logs', 'supervisor.log'),
          lockFile,
          stopSignal: 'SIGTERM',
          outlivesParent: plan.detach,
          // It leaves each part what that one needs.
          capabilities: 'all',
          readyWithinMs,
          isReady: () => {
            const state = readLastState(installation);
            if (state && state.message !== told) task.output = told = state.message;
            if (state?.phase === 'failed') throw new NornError('not_started', state.message);
            return state?.phase === 'ready';
          },
        }).catch(failureOf(installation, lockFile));
      },
    },
  ]);
  const state = readRunState(installation);
  if (supervisor && state) return { supervisor, state };
  throw new NornError('supervisor_gone', `It ended at once: ${installation.path('logs', 'supervisor.log')}`);
}

/** The supervisor's own sentence says more than that it ended. */
function failureOf(installation: Installation, lockFile: string): (error: unknown) => Promise<never> {
  return async (error) => {
    // Own one has ended: two that waited for the lock together, and the other has it now.
    const isEnded = error instanceof NornError && error.code === 'part_not_started';
    if (isEnded && (await isHeld(lockFile))) throw secondStart(installation, error);
    const state = readLastState(installation);
    while (state && isAlive(state.supervisor)) await sleep(pollMs);
    const reason = state?.phase === 'failed' ? state.message : messageOf(error);
    throw new NornError('not_started', reason, { cause: error });
  };
}
