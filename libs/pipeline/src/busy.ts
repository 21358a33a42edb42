// How long a stage held the thread. Node runs one thing at a time, so synchronous time is CPU time.
import { Metric, count } from '@norn/telemetry';

export interface BusyName {
  readonly stage: string;
  readonly step: string;
}

/** Runs `fn` and counts its synchronous part; what it awaits is not counted. */
export function timed<T>(name: BusyName, fn: () => T): T {
  const start = performance.now();
  try {
    return fn();
  } finally {
    count(Metric.StageBusyMs, performance.now() - start, { stage: name.stage, step: name.step });
  }
}
