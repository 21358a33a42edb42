// The frame that every stage stands on: one module, one start, one end.
export { type ModuleOfStage, createStage } from './create-stage.ts';
export type { PartitionOwner, ReportsHealth, RunsBeside } from './parts.ts';
export { leaveAfter, untilSignal } from './process-end.ts';
export { runService } from './run-service.ts';
export { type HealthServer, type HealthServerOptions, serveHealth } from './serve-health.ts';
export type { HealthReport, RunningService, Service } from './service.ts';
export {
  PRODUCER,
  STAGE_CONFIG,
  StageModule,
  type ConsumerChoice,
  type StageContext,
  type StageOptions,
} from './stage.module.ts';
