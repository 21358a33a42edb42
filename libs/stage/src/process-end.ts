// How a process of stages ends: by a signal, and at the latest after a while.

/** Resolves with the first signal that asks this process to end. */
export function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
  });
}

/** Tells and exits with 1 unless the process has ended by then. */
export function leaveAfter(timeoutMs: number, tell: () => void): void {
  setTimeout(() => {
    tell();
    process.exit(1);
  }, timeoutMs).unref();
}
