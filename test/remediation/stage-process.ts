// A stage as a process of its own, to be killed.
import { freePorts } from '@norn/embedded';
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

export class StageProcess {
  private child: ChildProcess | undefined;

  constructor(
    private readonly name: string,
    private readonly environment: Readonly<Record<string, string>>,
  ) {}

  async start(): Promise<void> {
    const [healthPort = 0] = await freePorts(1);
    const args = [
      '--import',
      join(root, 'deploy/runtime/register.mjs'),
      join(root, `services/${this.name}/src/main.ts`),
    ];
    this.child = spawn(process.execPath, args, {
      env: {
        PATH: process.env['PATH'],
        ...this.environment,
        NORN_HEALTH_PORT: String(healthPort),
        NORN_LOG_LEVEL: 'warn',
      },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
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
