// The process that is measured, from outside.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { NornError } from '@norn/base';
import { cpuTicks } from '@norn/embedded';
import type { StagesSample } from './stages.main.ts';

const main = fileURLToPath(new URL('./stages.main.ts', import.meta.url));
const register = fileURLToPath(new URL('../../../deploy/runtime/register.mjs', import.meta.url));

export class StagesProcess {
  private constructor(private readonly child: ChildProcess) {}

  /** Resolves when every stage runs. */
  static async start(environment: Readonly<Record<string, string>>): Promise<StagesProcess> {
    const child = fork(main, {
      env: { PATH: process.env.PATH, ...environment },
      // Standard output is for the figures.
      stdio: ['ignore', 2, 2, 'ipc'],
      execArgv: [
        '--disable-warning=TimeoutNegativeWarning',
        '--external-memory-accounted-in-global-limit',
        '--import',
        register,
      ],
    });
    const stages = new StagesProcess(child);
    await stages.answer();
    return stages;
  }

  async sample(): Promise<StagesSample> {
    this.child.send('sample');
    return (await this.answer()) as StagesSample;
  }

  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, 'exit');
    this.child.send('close');
    await exited;
  }

  private async answer(): Promise<unknown> {
    const answered = new AbortController();
    const { signal } = answered;
    const exited = once(this.child, 'exit', { signal }).then(([code]) => {
      throw new NornError('stages_ended', `The process under test ended with ${String(code)}: see what it printed`);
    });
    exited.catch(() => undefined);
    try {
      const [message] = (await Promise.race([once(this.child, 'message', { signal }), exited])) as [unknown];
      return message;
    } finally {
      answered.abort();
    }
  }
}

/** CPU that a process used so far, µs. */
export function cpuOf(pid: number): number {
  return cpuTicks(pid) * 10_000;
}
