// How a stage is built: steps with outcomes, a pipeline that runs them over a batch, a service around it.
export type { HealthReport, RunningService, Service } from './service.ts';
