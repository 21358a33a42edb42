// How a stage is: its consumers, and what its parts say.
import { ServiceUnavailableException } from '@nestjs/common';
import {
  type HealthCheckResult,
  type HealthCheckService,
  type HealthIndicatorResult,
  HealthIndicatorService,
} from '@nestjs/terminus';
import type { HealthReport } from './service.ts';

/** By the part's name. */
export type Reports = ReadonlyMap<string, () => HealthReport>;

export class StageHealth {
  constructor(
    private readonly checks: HealthCheckService,
    private readonly reports: Reports,
  ) {}

  /** The details of all parts together, in their order. */
  async report(): Promise<HealthReport> {
    const indicators = [...this.reports].map(
      ([name, report]) =>
        () =>
          indicatorOf(name, report()),
    );
    const { details } = await this.checks.check(indicators).catch(resultOf);
    const facts: Record<string, string | number | boolean> = {};
    let healthy = true;
    for (const name of this.reports.keys()) {
      const { status = 'down', ...said } = details[name] ?? {};
      healthy &&= status === 'up';
      Object.assign(facts, said);
    }
    return { healthy, details: facts };
  }
}

function indicatorOf(name: string, { healthy, details }: HealthReport): HealthIndicatorResult {
  const indicator = new HealthIndicatorService().check(name);
  return healthy ? indicator.up(details) : indicator.down(details);
}

/** Terminus throws what is not well. */
function resultOf(error: unknown): HealthCheckResult {
  if (error instanceof ServiceUnavailableException) return error.getResponse() as HealthCheckResult;
  throw error;
}
