// The parts of an installation and how each is started.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  busIdentity,
  endProcess,
  processIdentity,
  startClickHouse,
  startKafka,
  startPart,
  startPostgres,
  waitForLock,
  type Part,
  type ProcessIdentity,
} from '@norn/embedded';
import {
  busSettings,
  processSettings,
  registerFile,
  repository,
  type Installation,
} from '../installation/installation.ts';
import { serviceNames } from '../installation/services.ts';
import { agentCapabilities } from './agent-capabilities.ts';

// Loading them took 41 s on two cores at a load of 25.
const stagesReadyWithinMs = 180_000;
const answerWithinMs = 2_000;
const baldurKillAfterMs = 5_000;
/** Tyr has no address to ask, but says when the sensor and the vault have come. Without them it runs, and says so to the installation. */
const baldurConnected = '"msg":"baldur connected"';
const baldurWithinMs = 15_000;
// Buffers outside the heap count, or they pile up and every collection is a full one (FACTS: GC share 27–41 % → 2–10 %).
const nodeFlags = [
  '--disable-warning=TimeoutNegativeWarning',
  '--external-memory-accounted-in-global-limit',
  // A debugger that anybody on the machine reaches is not a signal away.
  '--disable-sigusr1',
];

export interface PartRecipe {
  readonly name: string;
  readonly start: () => Promise<Part>;
}

/** Nothing here needs another of these. */
export function storeParts(installation: Installation): PartRecipe[] {
  const { home, ports } = installation;
  const secret = (name: string): string => readFileSync(installation.path('secrets', name), 'utf8').trim();
  return [
    {
      name: 'kafka',
      start: () =>
        startKafka({
          home,
          ports: { broker: ports.kafka, controller: ports.kafkaController },
          identity: busIdentity(installation.path('secrets')),
        }),
    },
    {
      name: 'clickhouse',
      start: () =>
        startClickHouse({
          home,
          port: ports.clickhouse,
          writerPassword: secret('clickhouse-writer.password'),
          readerPassword: secret('clickhouse-reader.password'),
        }),
    },
    {
      name: 'postgres',
      start: () => startPostgres({ home, port: ports.postgres, password: secret('postgres.password') }),
    },
  ];
}

/** All stages in one process, or one process each. */
export function stageParts(installation: Installation, separate: boolean): PartRecipe[] {
  const environment = processSettings(installation);
  if (!separate) {
    const main = join(repository, 'deploy/cli/src/supervisor/stages.main.ts');
    return [{ name: 'stages', start: () => startStage(installation, { name: 'stages', main, environment }) }];
  }
  return serviceNames.map((name, index) => {
    const main = join(repository, 'services', name, 'src/main.ts');
    const healthPort = String(installation.ports.separateHealth + index);
    const traceFile = installation.path('logs', `spans-${name}.jsonl`);
    const own = {
      ...environment,
      ...busSettings(installation, name),
      NORN_HEALTH_PORT: healthPort,
      NORN_TRACE_FILE: traceFile,
    };
    return { name, start: () => startStage(installation, { name, main, environment: own }) };
  });
}

/** `environment`: what tyr is told. */
export function agentPart(installation: Installation, environment: NodeJS.ProcessEnv): PartRecipe {
  const main = join(repository, 'native-agent/tyr/src/main.ts');
  let compiled: Promise<void> | undefined;
  return {
    name: 'tyr',
    start: async () => {
      await (compiled ??= compileTyr(main));
      const startedAt = performance.now();
      const isReady = (log: string): boolean =>
        log.includes(baldurConnected) || performance.now() - startedAt > baldurWithinMs;
      return startNode(installation, { name: 'tyr', main, environment, capabilities: agentCapabilities, isReady });
    },
  };
}

/** Loads tyr once in a process that ends: the compiler would stay in tyr's own memory (22 to 45 MB) until its next start. */
async function compileTyr(main: string): Promise<void> {
  await promisify(execFile)(process.execPath, ['--import', registerFile, main, '--load-only']);
}

interface NodeProgram {
  readonly name: string;
  readonly main: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly capabilities?: readonly string[];
}

function startStage(installation: Installation, program: NodeProgram): Promise<Part> {
  const url = `http://127.0.0.1:${program.environment['NORN_HEALTH_PORT'] ?? ''}/healthz`;
  return startNode(installation, { ...program, isReady: () => isHealthy(url) });
}

async function startNode(
  installation: Installation,
  program: NodeProgram & { isReady: (log: string) => Promise<boolean> | boolean },
): Promise<Part> {
  const lockFile = installation.path('run', `${program.name}.lock`);
  await waitForLock(lockFile, program.name);
  return startPart({
    name: program.name,
    command: process.execPath,
    args: [...nodeFlags, '--import', registerFile, program.main],
    cwd: installation.home,
    env: program.environment,
    ...(program.capabilities === undefined ? {} : { capabilities: program.capabilities }),
    logFile: installation.path('logs', `${program.name}.log`),
    lockFile,
    stopSignal: 'SIGTERM',
    isReady: program.isReady,
    readyWithinMs: stagesReadyWithinMs,
  });
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(answerWithinMs) });
    const { services } = (await response.json()) as { services: object };
    return response.ok && Object.keys(services).length > 0;
  } catch {
    return false; // Not listening yet.
  }
}

/** Tyr takes Baldur along when it is stopped; a killed tyr leaves it protecting. An installation that goes down ends it in any case. */
export async function endBaldur(installation: Installation): Promise<void> {
  const baldur = findBaldur(installation);
  if (baldur) await endProcess(baldur, baldurKillAfterMs);
}

/** By tyr's pid file, which names pid and start time. */
export function findBaldur(installation: Installation): ProcessIdentity | undefined {
  try {
    const [pid, startTime] = readFileSync(installation.path('agent', 'baldur.pid'), 'utf8').trim().split(' ');
    const identity = processIdentity(Number(pid));
    return identity?.startTime === startTime ? identity : undefined;
  } catch {
    return undefined; // Tyr has not started it.
  }
}
