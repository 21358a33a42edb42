// What signing in and invitations may be asked.
import { invitedHostsMax } from '@norn/contracts';
import { z } from 'zod';

export const loginBody = z.strictObject({ token: z.string().min(16).max(512) });
export type LoginBody = z.output<typeof loginBody>;

/** How many hosts an invitation lets in; one unless said. */
export const joinTokenBody = z
  .strictObject({ hosts: z.number().int().min(1).max(invitedHostsMax).default(1) })
  .prefault({});
export type JoinTokenBody = z.output<typeof joinTokenBody>;
