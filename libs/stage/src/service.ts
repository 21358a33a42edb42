// What every stage is to the process it runs in: something that starts, says how it is, and closes.
import type { Environment } from '@norn/config';

export interface HealthReport {
  readonly healthy: boolean;
  /** Named facts: lag, connections, rows waiting, …. */
  readonly details: Readonly<Record<string, string | number | boolean>>;
}

export interface RunningService {
  readonly name: string;
  health(): Promise<HealthReport>;
  /** Finishes what is in hand, commits, and lets go of everything. */
  close(): Promise<void>;
}

export interface Service {
  readonly name: string;
  start(environment: Environment): Promise<RunningService>;
}
