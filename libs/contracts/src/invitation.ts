// An invitation: one word that holds all a new host needs to join an installation, and no way to be fooled on the way there.
import { X509Certificate, createHash } from 'node:crypto';
import { NornError } from '@norn/base';
import { z } from 'zod';

/** Characters of a whole invitation. */
export const invitationCharactersMax = 2_048;
/** Hosts that one invitation lets in. */
export const invitedHostsMax = 10_000;

const prefix = 'norn1';
const sumCharacters = 8;

const address = z.string().regex(/^(\[[0-9a-fA-F:.]{2,45}\]|[\w.-]{1,253}):\d{1,5}$/, 'is not host:port');

const schema = z.strictObject({
  /** Of ingest, "host:port". */
  ingest: address,
  /** Of enrolment, "host:port". */
  enrol: address,
  /** Name that the certificate of both has to show. */
  name: z.string().regex(/^[\w.-]{1,253}$/, 'is no name of a server'),
  /** SHA-256 of the certificate of the installation's authority, hex. */
  authority: z.string().regex(/^[0-9a-f]{64}$/, 'is no SHA-256'),
  /** Lets the hosts in, each once. */
  token: z.string().regex(/^[\w-]{16,512}$/, 'is no join token'),
  hosts: z.number().int().min(1).max(invitedHostsMax),
  expiresAt: z.iso.datetime(),
});

export type Invitation = z.output<typeof schema>;

/** "norn1.<base64url of its JSON>.<beginning of its SHA-256>". */
export function encodeInvitation(invitation: Invitation): string {
  const body = Buffer.from(JSON.stringify(schema.parse(invitation))).toString('base64url');
  return `${prefix}.${body}.${sumOf(body)}`;
}

/** Whether it was meant as one, whole or not. */
export function isInvitation(text: string): boolean {
  return text.trim().startsWith(`${prefix}.`);
}

/** Throws `invitation_garbled` for what is none, was cut or was changed on the way. */
export function decodeInvitation(text: string): Invitation {
  const word = text.trim();
  if (word.length > invitationCharactersMax)
    throw garbled(`it has ${word.length} characters, and none has more than ${invitationCharactersMax}`);
  const [start, body = '', sum, ...more] = word.split('.');
  if (start !== prefix) throw garbled(`it does not begin with "${prefix}."`);
  if (sum === undefined || more.length > 0 || sumOf(body) !== sum) throw garbled('a part of it is missing or changed');
  const parsed = schema.safeParse(jsonOf(body));
  if (parsed.success) return parsed.data;
  throw garbled(parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`).join(', '));
}

/** SHA-256 of a certificate (PEM or DER), as 64 small hex digits. */
export function fingerprintOf(certificate: string | Buffer): string {
  return new X509Certificate(certificate).fingerprint256.replaceAll(':', '').toLowerCase();
}

function sumOf(body: string): string {
  return createHash('sha256').update(body).digest('base64url').slice(0, sumCharacters);
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(Buffer.from(body, 'base64url').toString('utf8')) as unknown;
  } catch {
    return undefined; // Refused by the schema, as all that is no invitation.
  }
}

function garbled(reason: string): NornError {
  const cure = 'copy it again as a whole, or make another with ./norn hosts invite';
  return new NornError('invitation_garbled', `This is not a whole invitation (${reason}): ${cure}`);
}
