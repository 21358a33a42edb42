// What detection is told: Kafka, and how long findings of one lineage are one alert.
import { type Environment, loadConfig, settings } from '@norn/config';
import { z } from 'zod';

const schema = z.object({ kafkaBrokers: settings.kafkaBrokers, alertWindowMs: settings.alertWindowMs });

export type DetectionConfig = z.output<typeof schema>;

export function loadDetectionConfig(environment: Environment): DetectionConfig {
  return loadConfig(schema, environment);
}
