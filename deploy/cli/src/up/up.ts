// `norn up`: checks, installs, builds, starts, and says where to look.
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { messageOf, NornError } from '@norn/base';
import {
  assertPortFree,
  isAlive,
  provideClickHouse,
  provideKafka,
  providePostgres,
  startPart,
  waitForLock,
  type Part,
} from '@norn/embedded';
import type { ListrTask } from 'listr2';
import { write } from '../print/columns.ts';
import { buildAgent, buildConsole } from './build.ts';
import { down } from './down.ts';
import {
  findInstallation,
  makeFolders,
  processSettings,
  registerFile,
  repository,
  type Installation,
} from './installation.ts';
import { inspectMachine, refuseUnusable } from './machine.ts';
import { installPackages, missingPackages } from './packages.ts';
import { clearRunState, readLastState, readRunState } from './run-state.ts';
import { makeSecrets } from './secrets.ts';
import { runTasks, type ToldOnce } from './task-list.ts';
import { welcomeText } from './welcome.ts';

const supervisorReadyWithinMs = 180_000;
const pollMs = 50;

export interface UpOptions {
  readonly detach: boolean;
  readonly separate: boolean;
  readonly withAgent: boolean;
}

export async function up(options: UpOptions): Promise<void> {
  const begunAt = new Date();
  const installation = findInstallation();
  makeFolders(installation);
  const before = readRunState(installation);
  if (before?.phase === 'ready') {
    const withAgent = before.parts.some(({ name }) => name === 'tyr');
    write(await welcomeText(installation, { state: before, withAgent }));
    return;
  }
  let supervisor: Part | undefined;
  const interrupted = untilInterrupted();
  const start = async (): Promise<void> => {
    await runTasks((toldOnce) => preparation(installation, options, toldOnce));
    supervisor = await startSupervisor(installation, options);
    const state = readRunState(installation);
    if (!state)
      throw new NornError('supervisor_gone', `It ended at once: ${installation.path('logs', 'supervisor.log')}`);
    write(await welcomeText(installation, { state, withAgent: options.withAgent, begunAt }));
  };
  const signal = await Promise.race([start(), interrupted]);
  if (options.detach && !signal) process.exit(0);
  await hold(installation, supervisor, signal ? Promise.resolve(signal) : interrupted);
}

/** In the foreground: until Ctrl-C, or until the supervisor ends by itself. */
async function hold(
  installation: Installation,
  supervisor: Part | undefined,
  interrupted: Promise<string>,
): Promise<void> {
  const keepAlive = setInterval(() => undefined, 2 ** 30);
  const ending = supervisor ? supervisor.exited.then(() => 'ended') : new Promise<never>(() => undefined);
  const why = await Promise.race([interrupted, ending]);
  if (why !== 'ended') {
    write('Stopping …');
    write(await down(installation));
  }
  clearInterval(keepAlive);
  process.exit(why === 'ended' ? 1 : 0);
}

function untilInterrupted(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, resolve);
  });
}

function preparation(installation: Installation, options: UpOptions, toldOnce: ToldOnce): ListrTask[] {
  const { withAgent } = options;
  return [
    {
      title: 'Check the machine',
      task: async (_, task) => {
        const findings = inspectMachine(installation, withAgent);
        refuseUnusable(findings);
        await refuseTakenPorts(installation, options);
        await makeSecrets(installation.path('secrets'));
        const doubts = findings
          .filter(({ state }) => state === 'doubtful')
          .map(({ sentence, cure }) => `${sentence}; ${cure}`);
        if (doubts.length > 0) task.title = `Check the machine: ${doubts.join(' · ')}`;
      },
    },
    {
      title: 'Install what is missing',
      skip: () => missingPackages(withAgent).length === 0,
      task: async (_, task) => {
        const names = missingPackages(withAgent).map((need) => need.package);
        task.title = `Install ${names.join(', ')}`;
        await installPackages(names, (line) => (task.output = line));
      },
    },
    {
      title: 'Build and fetch the parts',
      task: (_, task) => task.newListr(parts(installation, withAgent).map(toldOnce), { concurrent: true }),
    },
  ];
}

function parts(installation: Installation, withAgent: boolean): ListrTask[] {
  return [
    { title: 'Kafka', task: () => provideKafka() },
    { title: 'ClickHouse', task: () => provideClickHouse() },
    { title: 'PostgreSQL', task: () => providePostgres() },
    {
      title: 'Console',
      task: (_, task) =>
        buildConsole(installation).catch(() => {
          task.title = `Console not built; all else works without it (cd services/console && npx vite build says why)`;
        }),
    },
    {
      title: 'Agent',
      enabled: () => withAgent,
      task: (_, task) =>
        buildAgent((line) => {
          task.output = line;
        }),
    },
  ];
}

/** Before anything is built: a clash is better known at once. */
async function refuseTakenPorts({ ports }: Installation, { separate }: UpOptions): Promise<void> {
  await assertPortFree(ports.api, 'API and console');
  await assertPortFree(ports.ingest, 'ingest');
  await assertPortFree(ports.enrol, 'enrolment');
  await assertPortFree(separate ? ports.separateHealth : ports.health, 'health');
  await assertPortFree(ports.kafka, 'Kafka');
  await assertPortFree(ports.clickhouseHttp, 'ClickHouse HTTP');
  await assertPortFree(ports.postgres, 'PostgreSQL');
}

async function startSupervisor(installation: Installation, options: UpOptions): Promise<Part> {
  const lockFile = installation.path('run', 'supervisor.lock');
  await waitForLock(lockFile, 'installation');
  clearRunState(installation);
  const flags = [...(options.separate ? ['--separate'] : []), ...(options.withAgent ? [] : ['--no-agent'])];
  let supervisor: Part | undefined;
  let told = '';
  await runTasks(() => [
    {
      title: 'Start',
      task: async (_, task) => {
        supervisor = await startPart({
          name: 'supervisor',
          command: process.execPath,
          args: ['--import', registerFile, join(repository, 'deploy/cli/src/up/supervisor.main.ts'), ...flags],
          cwd: installation.home,
          env: processSettings(installation),
          logFile: installation.path('logs', 'supervisor.log'),
          lockFile,
          stopSignal: 'SIGTERM',
          outlivesParent: options.detach,
          readyWithinMs: supervisorReadyWithinMs,
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
  if (!supervisor) throw new NornError('not_started', 'The supervisor is not there');
  return supervisor;
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
