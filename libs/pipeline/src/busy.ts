// How much CPU the thread spends on a step: what is left between two looks at the thread's clock, whoever else runs on the machine.
import { Metric, count } from '@norn/telemetry';

export interface BusyName {
  readonly stage: string;
  readonly step: string;
}

/** Runs `fn` and counts the CPU of its synchronous part, garbage collection included; what it awaits is not counted. */
export function timed<T>(name: BusyName, fn: () => T): T {
  const before = process.threadCpuUsage();
  try {
    return fn();
  } finally {
    const { user, system } = process.threadCpuUsage(before);
    count(Metric.StageBusyMs, (user + system) / 1000, { stage: name.stage, step: name.step });
  }
}
