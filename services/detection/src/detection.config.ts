// What detection is told: Kafka, how long findings of one lineage are one alert, how late an event may be, and where tenants' rules are.
import { type Environment, loadConfig, kafkaSettings, settings } from '@norn/config';
import { z } from 'zod';

const schema = z.object({
  ...kafkaSettings,
  alertWindowMs: settings.alertWindowMs,
  correlationHoldBackMs: settings.correlationHoldBackMs,
  tenantHoldBackMs: settings.tenantHoldBackMs,
  postgresUrl: settings.postgresUrl,
  /** Not given: tenants bring no rules along. */
  postgresPasswordFile: settings.postgresPasswordFile.default(''),
});

export type DetectionConfig = z.output<typeof schema>;

export function loadDetectionConfig(environment: Environment): DetectionConfig {
  return loadConfig(schema, environment);
}
