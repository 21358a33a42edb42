// What enrichment is told: Kafka.
import { type Environment, loadConfig, kafkaSettings } from '@norn/config';
import { z } from 'zod';

const schema = z.object({ ...kafkaSettings });

export type EnrichmentConfig = z.output<typeof schema>;

export function loadEnrichmentConfig(environment: Environment): EnrichmentConfig {
  return loadConfig(schema, environment);
}
