// A stage as a process of its own, to be killed.
import { freePorts } from '@norn/embedded';
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const root = join(import.meta.dirname, '../..');

export interface StageListening {
  /** Modules that are loaded before it. */
  readonly imports?: readonly string[];
  /** Each line of its output, and of its errors; absent: they are this process's. */
  readonly onOutput?: (line: string) => void;
}

export class StageProcess {
  private child: ChildProcess | undefined;
  private healthPort = 0;

  constructor(
    private readonly name: string,
    private readonly environment: Readonly<Record<string, string>>,
    private readonly listening: StageListening = {},
  ) {}

  async start(): Promise<void> {
    const [healthPort = 0] = await freePorts(1);
    this.healthPort = healthPort;
    const { imports = [], onOutput } = this.listening;
    const preloads = [join(root, 'deploy/runtime/register.mjs'), ...imports];
    const args = [...preloads.flatMap((path) => ['--import', path]), join(root, `services/${this.name}/src/main.ts`)];
    this.child = spawn(process.execPath, args, {
      env: {
        PATH: process.env['PATH'],
        NORN_LOG_LEVEL: 'warn',
        ...this.environment,
        NORN_HEALTH_PORT: String(healthPort),
      },
      stdio: onOutput === undefined ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      if (stream !== null && onOutput !== undefined) createInterface(stream).on('line', onOutput);
    }
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  /** Resolves when it has joined its group. */
  async joined(): Promise<void> {
    while (!(await this.details()).includes('"connected":true')) await sleep(100);
  }

  /** What it says of its health; empty while nobody answers. */
  private details(): Promise<string> {
    return fetch(`http://127.0.0.1:${this.healthPort}/healthz`).then(
      (answer) => answer.text(),
      () => '',
    );
  }

  /** kill -9. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.end('SIGTERM');
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await exited;
  }
}
