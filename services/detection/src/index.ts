// The stage that judges: rules over every batch, the agent's findings merged, one alert an attack.
export { detection } from './detection.module.ts';
// For a replay, which runs the flow without a broker.
export { Correlations } from './correlations/correlations.ts';
export { readRulePack } from './adapters/rule-pack.ts';
export { AlertBook } from './alerts/alert-book.ts';
export { createDetectionPipeline } from './detection.pipeline.ts';
export { createTenantReplay, type TenantReplay } from './tenants/tenant-replay.ts';
export type { BatchAlerts } from './steps/envelope.ts';
