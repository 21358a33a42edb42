// What remediation is told: Kafka, PostgreSQL, where the command key is, how long a command is good for.
import { type Environment, loadConfig, kafkaSettings, settings } from '@norn/config';
import { z } from 'zod';

const schema = z.object({
  ...kafkaSettings,
  postgresUrl: settings.postgresUrl,
  postgresPasswordFile: settings.postgresPasswordFile,
  secretsDir: settings.secretsDir,
  commandTtlMs: settings.commandTtlMs,
});

export type RemediationConfig = z.output<typeof schema>;

export function loadRemediationConfig(environment: Environment): RemediationConfig {
  return loadConfig(schema, environment);
}
