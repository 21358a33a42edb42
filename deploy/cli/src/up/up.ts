// `norn up`: checks, installs, builds, starts, and says where to look.
import { NornError } from '@norn/base';
import { busIdentities } from '@norn/bus';
import {
  assertPortFree,
  makeBusSecrets,
  provideClickHouse,
  provideKafka,
  providePostgres,
  type Part,
} from '@norn/embedded';
import type { ListrTask } from 'listr2';
import { refuseJoinedHost } from '../installation/joined-host.ts';
import { refuseToInstall, startFromBoot } from '../boot/systemd.ts';
import { write } from '../print/columns.ts';
import { buildConsole } from '../machine/build.ts';
import { down } from './down.ts';
import { findInstallation, makeFolders, type Installation } from '../installation/installation.ts';
import { buildAgentTask, checkMachine, installMissing } from '../machine/machine-tasks.ts';
import { type RunState, readRunState } from '../installation/run-state.ts';
import { refuseSecondStart } from '../supervisor/second-start.ts';
import { makeSecrets } from '../installation/secrets.ts';
import { startSupervisor } from '../supervisor/start-supervisor.ts';
import { runTasks, type ToldOnce } from '../print/task-list.ts';
import { welcomeText } from './welcome.ts';

export interface UpOptions {
  readonly detach: boolean;
  readonly separate: boolean;
  readonly withAgent: boolean;
  /** By systemd, now and at every boot. */
  readonly install: boolean;
}

export async function up(options: UpOptions): Promise<void> {
  const begunAt = new Date();
  const installation = findInstallation();
  refuseJoinedHost(installation);
  if (options.install) await refuseToInstall(installation);
  makeFolders(installation);
  const before = readRunState(installation);
  if (before?.phase === 'ready') {
    const withAgent = before.parts.some(({ name }) => name === 'tyr');
    write(await welcomeText(installation, { state: before, withAgent }));
    return;
  }
  // Its ports are taken by what starts there already, and that is no clash.
  refuseSecondStart(installation);
  let supervisor: Part | undefined;
  const interrupted = untilInterrupted();
  const start = async (): Promise<void> => {
    await runTasks((toldOnce) => preparation(installation, options, toldOnce));
    const flags = [...(options.separate ? ['--separate'] : []), ...(options.withAgent ? [] : ['--no-agent'])];
    if (options.install) await startFromBoot(installation, flags);
    else supervisor = (await startSupervisor(installation, { flags, detach: options.detach })).supervisor;
    write(await welcomeText(installation, { state: readState(installation), withAgent: options.withAgent, begunAt }));
  };
  const signal = await Promise.race([start(), interrupted]);
  if ((options.detach || options.install) && !signal) process.exit(0);
  await hold(installation, supervisor, signal ? Promise.resolve(signal) : interrupted);
}

/** Throws `not_started` when it has ended since. */
function readState(installation: Installation): RunState {
  const state = readRunState(installation);
  if (state) return state;
  throw new NornError('not_started', `It ended at once: ${installation.path('logs', 'supervisor.log')}`);
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
  const halves = { installation: true, agent: withAgent };
  return [
    checkMachine(installation, halves, async () => {
      await refuseTakenPorts(installation, options);
      await makeSecrets(installation.path('secrets'));
      await makeBusSecrets(installation.path('secrets'), { identities: busIdentities });
    }),
    installMissing(halves),
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
    ...(withAgent ? [buildAgentTask(installation)] : []),
  ];
}

/** Before anything is built: a clash is better known at once. */
async function refuseTakenPorts({ ports }: Installation, { separate }: UpOptions): Promise<void> {
  await assertPortFree(ports.api, 'API and console');
  await assertPortFree(ports.ingest, 'ingest');
  await assertPortFree(ports.enrol, 'enrolment');
  await assertPortFree(separate ? ports.separateHealth : ports.health, 'health');
  await assertPortFree(ports.kafka, 'Kafka');
  await assertPortFree(ports.clickhouse, 'ClickHouse');
}
