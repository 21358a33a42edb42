// As whom a pod speaks to its cluster: what the token in its own files says of itself. The token is not kept, and not used.
import { closeSync, openSync, readSync } from 'node:fs';
import { z } from 'zod';
import { limits } from '../limits.ts';

const tokenFile = 'var/run/secrets/kubernetes.io/serviceaccount/token';
/** Of a token bound to its pod; older ones have the name at the top. */
const bound = 'kubernetes.io';
const unbound = 'kubernetes.io/serviceaccount/service-account.name';

const claims = z.object({
  [bound]: z.object({ serviceaccount: z.object({ name: z.string().max(limits.accountCharsMax) }) }).optional(),
  [unbound]: z.string().max(limits.accountCharsMax).optional(),
});

/** Of the container that the process is in; empty when it was given no token, or is gone. */
export function serviceAccountOf(pid: number, proc = '/proc'): string {
  try {
    return accountIn(readStart(`${proc}/${pid}/root/${tokenFile}`));
  } catch {
    return ''; // No token, none that says it, or no such process: there is nothing to tell.
  }
}

function accountIn(token: string): string {
  const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString();
  const said = claims.parse(JSON.parse(payload));
  return said[bound]?.serviceaccount.name ?? said[unbound] ?? '';
}

/** The file is the container's: it may be of any size. */
function readStart(path: string): string {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(limits.tokenBytesMax);
    return bytes.toString('latin1', 0, readSync(file, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(file);
  }
}
