// Configuration is parsed once, typed; a name that no part of Norn knows is refused.
import { NornError } from '@norn/base';
import { z } from 'zod';
import { environmentName, settings } from './settings.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Read by the launcher, the runtime and the command line, not by a stage. */
const launcherNames = new Set(['NORN_AGENT_PROFILE', 'NORN_CODE_CACHE', 'NORN_TOOLCHAIN']);
const knownNames = new Set([...Object.keys(settings).map(environmentName), ...launcherNames]);

/** Parses the settings of one schema out of the environment. Throws `config_unknown` or `config_invalid` naming the variable. */
export function loadConfig<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  environment: Environment = process.env,
): z.output<z.ZodObject<Shape>> {
  refuseUnknown(environment);
  const input = Object.fromEntries(
    Object.keys(schema.shape).map((setting) => [
      setting,
      environment[environmentName(setting)] ?? credentialsOf(setting, environment),
    ]),
  );
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${environmentName(String(issue.path[0]))}: ${issue.message}`);
  throw new NornError('config_invalid', `Configuration is not usable: ${problems.join('; ')}`);
}

/** Where nothing else is said, secrets are those that systemd gives the service: `LoadCredential=`, systemd.exec(5). */
function credentialsOf(setting: string, environment: Environment): string | undefined {
  return setting === 'secretsDir' ? environment['CREDENTIALS_DIRECTORY'] : undefined;
}

function refuseUnknown(environment: Environment): void {
  const unknown = Object.keys(environment).filter((name) => name.startsWith('NORN_') && !knownNames.has(name));
  if (unknown.length === 0) return;
  throw new NornError('config_unknown', `Unknown settings ${unknown.join(', ')}: remove them or correct the spelling`);
}
