// Who may stop the agent of a joined host without being told of: whoever an administrator gave the host's maintenance token.
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** 120 random bits, as 24 letters and digits in groups that can be read out: "k7qd-…". Good for one stop of one host. */
export function makeMaintenanceToken(): string {
  const letters = 'abcdefghijkmnpqrstuvwxyz23456789';
  const text = [...randomBytes(24)].map((byte) => letters[byte % letters.length]).join('');
  return text.replace(/.{4}(?=.)/g, '$&-');
}

/** SHA-256 of the token: what the host has of it, so that it knows the token when it sees one, also when it is offline. */
export function maintenanceDigest(token: string): Uint8Array {
  return createHash('sha256').update(plain(token)).digest();
}

/** Said by the last facts of a run in place of the token itself: HMAC-SHA-256 with it over the name of that run. */
export function maintenanceProof(token: string, runId: Uint8Array): Uint8Array {
  return createHmac('sha256', plain(token)).update(runId).digest();
}

/** Takes as long for a right one as for a wrong one. */
export function isSameDigest(given: Uint8Array, known: Uint8Array): boolean {
  return given.byteLength === known.byteLength && timingSafeEqual(given, known);
}

/** As people write it down. */
function plain(token: string): string {
  return token.toLowerCase().replace(/[\s-]/g, '');
}
