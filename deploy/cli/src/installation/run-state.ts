// run/installation.json: what the supervisor runs, for whoever wants to know or to end it.
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { messageOf } from '@norn/base';
import { isAlive, type ProcessIdentity } from '@norn/embedded';

/** The folder of an installation. */
interface Home {
  path(...parts: string[]): string;
}

export interface PartState {
  readonly name: string;
  readonly process: ProcessIdentity | undefined;
  readonly restarts: number;
  /** How it ended last, with the time; empty: it never did. */
  readonly lastEnd: string;
  /** Why it could not be started again, with the error's code; absent: it could. */
  readonly failure?: string;
}

export interface RunState {
  readonly supervisor: ProcessIdentity;
  readonly phase: 'starting' | 'ready' | 'stopping' | 'failed';
  /** The first of its ports. */
  readonly portBase: number;
  /** One process each for the stages. */
  readonly separate: boolean;
  /** What it is doing, or why it failed. */
  readonly message: string;
  readonly parts: readonly PartState[];
}

/** Undefined when nothing runs here. */
export function readRunState(installation: Home): RunState | undefined {
  const state = readLastState(installation);
  return state && isAlive(state.supervisor) ? state : undefined;
}

/** As the supervisor left it, though it may have been killed since. */
export function readLastState(installation: Home): RunState | undefined {
  try {
    return JSON.parse(readFileSync(installation.path('run', 'installation.json'), 'utf8')) as RunState;
  } catch {
    return undefined; // Never started, or stopped in order.
  }
}

export function writeRunState(installation: Home, state: RunState): void {
  const file = installation.path('run', 'installation.json');
  writeFileSync(`${file}.part`, JSON.stringify(state, undefined, 2), { mode: 0o600 });
  renameSync(`${file}.part`, file);
  for (const part of state.parts) {
    const pidFile = installation.path('run', `${part.name}.pid`);
    if (part.process) writeFileSync(pidFile, `${part.process.pid}\n`, { mode: 0o600 });
    else rmSync(pidFile, { force: true });
  }
}

export function clearRunState(installation: Home): void {
  rmSync(installation.path('run', 'installation.json'), { force: true });
}

const writeAgainMs = 2_000;

export interface StateKeeperOptions {
  /** Throws when there is no room, or none may write. */
  readonly write: () => void;
  /** Told once per cause, and when it is written again. */
  readonly tell: (sentence: string) => void;
  readonly againAfterMs?: number;
}

/** Writes the state whenever it changed. One that can't be written is no reason to end anything: it is tried again until it is. */
export class StateKeeper {
  private failure = '';
  private again: NodeJS.Timeout | undefined;

  constructor(private readonly options: StateKeeperOptions) {}

  save(): void {
    clearTimeout(this.again);
    try {
      this.options.write();
      if (this.failure !== '') this.options.tell('run/installation.json is written again');
      this.failure = '';
    } catch (error) {
      // The code alone: the same lack of room hits one file, then another.
      const failure = (error as NodeJS.ErrnoException).code ?? messageOf(error);
      if (failure !== this.failure) {
        this.options.tell(`run/installation.json can not be written and is tried again: ${messageOf(error)}`);
      }
      this.failure = failure;
      this.again = setTimeout(() => {
        this.save();
      }, this.options.againAfterMs ?? writeAgainMs).unref();
    }
  }
}
