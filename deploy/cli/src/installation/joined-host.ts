// joined.json: which installation elsewhere this host belongs to, and what its agent is told of it.
import { existsSync, readFileSync } from 'node:fs';
import { messageOf, NornError } from '@norn/base';
import { processEnvironment } from '@norn/config';
import { z } from 'zod';
import { agentPlaces, type Installation } from './installation.ts';
import { writeSecret } from './secrets.ts';

const schema = z.strictObject({
  /** "host:port" of ingest and of enrolment. */
  ingest: z.string().min(1),
  enrol: z.string().min(1),
  /** Whose certificate both have to show. */
  name: z.string().min(1),
  /** SHA-256 of the authority's certificate, hex. */
  authority: z.string().min(1),
});

export type Joined = z.output<typeof schema>;

/** Undefined for a host that has joined nothing. Throws `joined_damaged`. */
export function readJoined(installation: Installation): Joined | undefined {
  const file = joinedFile(installation);
  if (!existsSync(file)) return undefined;
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    const cure = 'remove it and run ./norn join with a new invitation';
    throw new NornError('joined_damaged', `${file} is not usable (${messageOf(error)}): ${cure}`, { cause: error });
  }
}

export function keepJoined(installation: Installation, { ingest, enrol, name, authority }: Joined): void {
  writeSecret(installation.path('agent'), 'joined.json', JSON.stringify({ ingest, enrol, name, authority }));
}

/** What tyr is told. Throws `not_joined`. */
export function joinedSettings(installation: Installation): NodeJS.ProcessEnv {
  const joined = readJoined(installation);
  if (joined) return settingsOf(installation, joined);
  throw new NornError('not_joined', `${installation.home} has joined no installation: echo INVITATION | ./norn join -`);
}

export function settingsOf(installation: Installation, { ingest, enrol, name }: Joined): NodeJS.ProcessEnv {
  return {
    ...processEnvironment(),
    NORN_HOME: installation.home,
    ...agentPlaces(installation),
    NORN_INGEST_ADDRESS: ingest,
    NORN_ENROL_ADDRESS: enrol,
    NORN_INGEST_NAME: name,
    NORN_AUTHORITY_FILE: installation.path('secrets', 'authority.cert.pem'),
    NORN_JOIN_TOKEN_FILE: joinTokenFile(installation),
  };
}

export function joinTokenFile(installation: Installation): string {
  return installation.path('secrets', 'join.token');
}

/** Two installations would have one agent between them. Throws `host_joined`. */
export function refuseJoinedHost(installation: Installation): void {
  const joined = readJoined(installation);
  if (!joined) return;
  throw new NornError(
    'host_joined',
    `${installation.home} is an agent of the installation at ${joined.ingest}: ./norn join starts it; ` +
      'for an installation of its own, set NORN_HOME to another folder',
  );
}

function joinedFile(installation: Installation): string {
  return installation.path('agent', 'joined.json');
}
