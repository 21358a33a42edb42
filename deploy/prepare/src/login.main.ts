// Prints a new one-time link into the console, from inside an installation.
import { messageOf } from '@norn/base';
import { loadConfig, settings } from '@norn/config';
import { z } from 'zod';
import { createLoginLink } from './login-link.ts';

const schema = z.object({
  postgresUrl: settings.postgresUrl,
  postgresPasswordFile: settings.postgresPasswordFile,
  publicUrl: settings.publicUrl,
});

try {
  const config = loadConfig(schema);
  process.stdout.write(`${await createLoginLink(config, config.publicUrl)}\n`);
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exit(1);
}
