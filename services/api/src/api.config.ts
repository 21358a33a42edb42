// What the API takes from the installation's settings.
import { clickhouseSettings, settings } from '@norn/config';
import { z } from 'zod';

export const apiConfig = z.object({
  host: settings.host,
  apiPort: settings.apiPort,
  publicUrl: settings.publicUrl,
  consoleDir: settings.consoleDir,
  ...clickhouseSettings,
  clickhouseReaderPasswordFile: settings.clickhouseReaderPasswordFile,
  postgresUrl: settings.postgresUrl,
  postgresPasswordFile: settings.postgresPasswordFile,
  agentsAt: settings.agentsAt,
  enrolAt: settings.enrolAt,
  enrolPort: settings.enrolPort,
  ingestName: settings.ingestName,
  secretsDir: settings.secretsDir,
  commandTtlMs: settings.commandTtlMs,
  logLevel: settings.logLevel,
});

export class ApiConfig {
  constructor(readonly settings: z.output<typeof apiConfig>) {}
}
