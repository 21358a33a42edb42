// Who this host is to the installation: an identity for a join token, asked for once and kept where tyr looks for it.
import { readFileSync, rmSync } from 'node:fs';
import { NornError } from '@norn/base';
import type { Invitation } from '@norn/contracts';
import { enrolThisMachine, IdentityFile, loadTyrConfig, type Identity } from '@norn/tyr';
import type { Installation } from '../installation/installation.ts';
import { writeSecret } from '../installation/secrets.ts';
import { joinTokenFile, keepJoined, settingsOf } from '../installation/joined-host.ts';

/** Undefined for a host that has to enrol; Tyr renews one whose certificate has expired. Throws `identity_damaged`. */
export function knownIdentity(installation: Installation): Identity | undefined {
  return new IdentityFile(installation.path('agent')).read();
}

/**
 * With the authority's certificate in place. Who is a host of the installation already stays that host, and the invitation is not used up; who was
 * revoked becomes another one. Throws `invitation_used` when the token lets nobody in any more, `identity_damaged`, `enrolment_failed` otherwise.
 */
export async function enrolHost(
  installation: Installation,
  invitation: Invitation,
): Promise<{ readonly identity: Identity; readonly isKnown: boolean }> {
  const previous = knownIdentity(installation);
  writeSecret(installation.path('secrets'), 'join.token', invitation.token);
  try {
    const config = loadTyrConfig(settingsOf(installation, invitation));
    // A person invited it: also by an authority that it has not heard of yet, and to command keys that it could not follow.
    const trusting = previous && { ...previous, authorityPem: readFileSync(config.authorityFile, 'utf8') };
    const identity = await enrolThisMachine(config, trusting);
    keepJoined(installation, invitation);
    new IdentityFile(installation.path('agent')).write(identity);
    return { identity, isKnown: identity.hostId === previous?.hostId };
  } catch (error) {
    throw refusalOf(error, invitation);
  } finally {
    // It has let this host in, or it is in the invitation.
    rmSync(joinTokenFile(installation), { force: true });
  }
}

/** Ingest's answer begins with its code. */
function refusalOf(error: unknown, { hosts, expiresAt }: Invitation): unknown {
  const cause = error instanceof Error ? error.cause : undefined;
  const details = cause instanceof Error && 'details' in cause ? String(cause.details) : '';
  if (!details.startsWith('join_token_invalid')) return error;
  const many = hosts === 1 ? 'one host' : `${hosts} hosts`;
  return new NornError(
    'invitation_used',
    `The invitation lets nobody in any more: it was for ${many}, until ${expiresAt}. ` +
      'Make another on the installation with ./norn hosts invite',
    { cause: error },
  );
}
