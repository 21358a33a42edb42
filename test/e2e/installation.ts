// A whole Norn of its own for a test: `norn up -d` in a private home on private ports, and everything through its CLI.
import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const launcher = fileURLToPath(new URL('../../norn', import.meta.url));
const startTimeoutMs = 1_200_000;

export interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Installation {
  readonly home: string;
  readonly url: string;
  /** Runs `./norn …args` against this installation. */
  norn(...args: string[]): Promise<Answer>;
  /** Like `norn(…, '--json')`, parsed; throws what the command printed when that is not JSON. */
  json<T>(...args: string[]): Promise<T>;
  stop(): Promise<void>;
}

const ways = {
  processes: { up: ['up', '-d'], down: ['down'] },
  withoutAgent: { up: ['up', '-d', '--no-agent'], down: ['down'] },
  compose: { up: ['up', '--compose'], down: ['down', '--compose', '--erase'] },
} as const;

export async function startInstallation(portBase: number, way: keyof typeof ways = 'processes'): Promise<Installation> {
  const home = mkdtempSync('/var/tmp/norn-e2e-');
  const environment = { ...process.env, NORN_HOME: home, NORN_PORT_BASE: String(portBase) };
  const norn = (...args: string[]): Promise<Answer> => callNorn(args, environment);
  const installation: Installation = {
    home,
    url: `http://127.0.0.1:${String(portBase)}`,
    norn,
    json: async <T>(...args: string[]) => parse(await norn(...args, '--json')) as T,
    stop: async () => {
      await norn(...ways[way].down);
      await rm(home, { recursive: true, force: true });
    },
  };
  const started = await norn(...ways[way].up);
  if (started.code !== 0) {
    await installation.stop();
    throw new Error(`norn up failed in ${join(home, 'logs')}:\n${started.stdout}\n${started.stderr}`);
  }
  return installation;
}

/** Runs `./norn …args`, with `input` as standard input. */
export function callNorn(args: string[], env: NodeJS.ProcessEnv, input = ''): Promise<Answer> {
  return new Promise((resolve) => {
    const options = { env, timeout: startTimeoutMs, maxBuffer: 64 * 1024 * 1024 };
    const child = execFile(launcher, args, options, (error, stdout, stderr) => {
      const code = error ? (typeof error.code === 'number' ? error.code : 1) : 0;
      resolve({ code, stdout, stderr });
    });
    child.stdin?.end(input);
  });
}

function parse({ stdout, stderr, code }: Answer): unknown {
  try {
    return JSON.parse(stdout) as unknown;
  } catch (error) {
    throw new Error(`Not JSON (exit ${String(code)}):\n${stdout}\n${stderr}`, { cause: error });
  }
}
