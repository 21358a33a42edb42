// How a stage is built: steps with outcomes, a pipeline that runs them over a batch, a service around it.
export { type BusyName, timed } from './busy.ts';
export {
  type DeadLetter,
  type Drop,
  type Ok,
  type Outcome,
  type Redirect,
  deadLetter,
  drop,
  ok,
  redirect,
} from './outcome.ts';
export { type Pipeline, type PipelineResult, type Step, each, pipeline } from './pipeline.ts';
export { runService } from './run-service.ts';
export { type HealthServer, type HealthServerOptions, serveHealth } from './serve-health.ts';
export type { HealthReport, RunningService, Service } from './service.ts';
