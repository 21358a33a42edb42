// What ingest is told: ports, Kafka, PostgreSQL, where its keys are, how much it takes.
import { type Environment, loadConfig, kafkaSettings, settings } from '@norn/config';
import { recordBytesMax } from '@norn/bus';
import { z } from 'zod';

const schema = z.object({
  host: settings.host,
  agentHost: settings.agentHost,
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

/** `agentHost` is where agents are listened for, be it said or as for all services. */
export function loadIngestConfig(environment: Environment): IngestConfig {
  const config = loadConfig(schema, environment);
  return { ...config, agentHost: config.agentHost || config.host };
}
