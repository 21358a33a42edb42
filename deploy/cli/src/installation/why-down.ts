// Why an installation is down, as far as its folder tells.
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { messageOf, NornError } from '@norn/base';
import type { Installation } from './installation.ts';
import { readLastState } from './run-state.ts';

const logLines = 5;

export interface WhyDown {
  readonly why: string;
  /** What its supervisor wrote last. */
  readonly log: readonly string[];
}

/** Throws `not_permitted` when its folder is another user's. */
export function whyDown(installation: Installation): WhyDown {
  const { home } = installation;
  assertReadable(installation);
  const logFile = installation.path('logs', 'supervisor.log');
  if (!existsSync(logFile)) return { why: `it was never started in ${home}: ./norn up`, log: [] };
  const log = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-logLines);
  const state = readLastState(installation);
  if (state?.phase === 'failed') return { why: `it did not start (${state.message}): ./norn up tries again`, log };
  const at = statSync(logFile).mtime.toISOString();
  if (!state) return { why: `it was stopped at ${at}: ./norn up`, log };
  const pid = String(state.supervisor.pid);
  return { why: `its supervisor (pid ${pid}) ended unasked, after ${at}: ./norn up`, log };
}

/** Throws `not_permitted`. */
export function assertReadable(installation: Installation): void {
  for (const folder of ['secrets', 'run', 'logs'].map((name) => installation.path(name))) {
    try {
      accessSync(folder, constants.R_OK | constants.X_OK);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      const cure = 'run as the user who started Norn, mostly root (sudo ./norn …)';
      throw new NornError('not_permitted', `${folder} can not be read (${messageOf(error)}): ${cure}`, {
        cause: error,
      });
    }
  }
}
