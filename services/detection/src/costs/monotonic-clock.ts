// The clock that rules are timed by.

/** Nanoseconds since the process started. */
export function monotonicNs(): number {
  return performance.now() * 1e6;
}
