// Ctrl-C, or a time limit, in the middle of a benchmark: it ends after the row it is at, and puts away what it made.
import { NornError } from '@norn/base';

/** From now on; a second signal ends the process at once. Call what is returned between rows: it throws `interrupted`. */
export function watchInterruption(): () => void {
  let interrupted: NodeJS.Signals | undefined;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (interrupted = signal));
  return () => {
    if (interrupted) throw new NornError('interrupted', `Ended by ${interrupted}; nothing is left behind`);
  };
}
