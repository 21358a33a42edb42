// An installation of separate services on this machine, by Docker Compose.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { NornError } from '@norn/base';
import { processEnvironment } from '@norn/config';
import { runCommand } from '@norn/embedded';
import { sourcesTag } from '../images/sources-tag.ts';
import { repository, whereAgentsReach, type Installation } from '../installation/installation.ts';
import { composeWords } from './docker.ts';

const file = join(repository, 'deploy/compose/compose.yaml');
const readyWithinMs = 300_000;
const pollMs = 1_000;
const linesShown = 30;

export interface Stack {
  /** Starts what does not run, and returns when all are healthy. Throws `not_started` with the logs of what is not. */
  up(onLine: (line: string) => void): Promise<void>;
  /** Volumes stay, unless `erase`. */
  down(erase: boolean): Promise<void>;
  /** Runs a program of the image beside the services and returns what it printed. */
  run(service: string, ...command: string[]): Promise<string>;
}

/** One for each home: its name follows from the ports, which two can't share either. */
export async function composeStack(installation: Installation): Promise<Stack> {
  const [command = '', ...before] = await composeCommand();
  const { ports } = installation;
  const project = `norn-${ports.api}`;
  const env = {
    ...whereAgentsReach(installation),
    ...processEnvironment(),
    NORN_PIPELINE_IMAGE: `norn/pipeline:${sourcesTag('pipeline')}`,
    NORN_STORES_IMAGE: `norn/stores:${sourcesTag('stores')}`,
    NORN_SECRETS: installation.path('compose', 'secrets'),
    NORN_API_PORT: String(ports.api),
    NORN_INGEST_PORT: String(ports.ingest),
    NORN_ENROL_PORT: String(ports.enrol),
    NORN_PUBLIC_URL: `http://127.0.0.1:${ports.api}`,
  };
  const compose = (args: readonly string[], onLine?: (line: string) => void): Promise<string> =>
    runCommand(command, [...before, '--project-name', project, '--file', file, ...args], {
      env,
      ...(onLine ? { onLine } : {}),
    });
  return {
    up: async (onLine) => {
      await compose(['up', '--detach'], onLine);
      await untilHealthy({ project, logsOf: (service) => compose(['logs', '--no-color', service]) }, onLine);
    },
    down: async (erase) => {
      await compose(['down', '--remove-orphans', ...(erase ? ['--volumes'] : [])]);
    },
    run: (service, ...program) => compose(['run', '--rm', '-T', '--no-deps', service, ...program]),
  };
}

/** Throws `compose_missing`. */
async function composeCommand(): Promise<string[]> {
  const words = await composeWords();
  if (words) return words;
  throw new NornError('compose_missing', 'Docker Compose is missing: apt-get install docker-compose');
}

interface Project {
  readonly project: string;
  readonly logsOf: (service: string) => Promise<string>;
}

async function untilHealthy({ project, logsOf }: Project, onLine: (line: string) => void): Promise<void> {
  const deadline = performance.now() + readyWithinMs;
  for (;;) {
    const states = await statesOf(project);
    const waiting = states.filter(({ state }) => state !== 'healthy' && state !== 'exited 0');
    if (states.length > 0 && waiting.length === 0) return;
    const lost = waiting.find(({ state }) => state.startsWith('exited') || state === 'restarting');
    if (lost ?? performance.now() > deadline) {
      const one = lost ?? waiting[0];
      const log = (await logsOf(one?.service ?? '')).trimEnd().split('\n').slice(-linesShown).join('\n');
      throw new NornError(
        'not_started',
        `${one?.service ?? 'Nothing'} is ${one?.state ?? 'there'}; its log ends with:\n${log}`,
      );
    }
    onLine(`waiting for ${waiting.map(({ service }) => service).join(', ')}`);
    await sleep(pollMs);
  }
}

interface ServiceState {
  readonly service: string;
  /** "healthy", "starting", "exited 0", … */
  readonly state: string;
}

async function statesOf(project: string): Promise<ServiceState[]> {
  const filter = ['--filter', `label=com.docker.compose.project=${project}`];
  const ids = (await runCommand('docker', ['ps', '--all', '--quiet', ...filter])).split('\n').filter(Boolean);
  if (ids.length === 0) return [];
  const format =
    '{{index .Config.Labels "com.docker.compose.service"}} {{.State.Status}} {{.State.ExitCode}} {{with .State.Health}}{{.Status}}{{end}}';
  const lines = (await runCommand('docker', ['inspect', '--format', format, ...ids])).trim().split('\n');
  return lines.map((line) => {
    const [service = '', status = '', exitCode = '', health = ''] = line.split(' ');
    return { service, state: status === 'exited' ? `exited ${exitCode}` : status === 'running' ? health : status };
  });
}
