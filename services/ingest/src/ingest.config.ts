// What ingest is told: ports, Kafka, PostgreSQL, where its keys are, how much it takes.
import { type Environment, loadConfig, kafkaSettings, settings } from '@norn/config';
import { recordBytesMax } from '@norn/bus';
import { z } from 'zod';

const schema = z.object({
  host: settings.host,
  ingestPort: settings.ingestPort,
  enrolPort: settings.enrolPort,
  ...kafkaSettings,
  postgresUrl: settings.postgresUrl,
  postgresPasswordFile: settings.postgresPasswordFile,
  secretsDir: settings.secretsDir,
  batchBytesMax: settings.batchBytesMax.refine(
    (bytes) => bytes <= recordBytesMax,
    `is more than a record may have (${recordBytesMax})`,
  ),
  tenantEventsPerSecondMax: settings.tenantEventsPerSecondMax,
});

export type IngestConfig = z.output<typeof schema>;

export function loadIngestConfig(environment: Environment): IngestConfig {
  return loadConfig(schema, environment);
}
