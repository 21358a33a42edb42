// What signing in and invitations may be asked.
import { invitedHostsMax } from '@norn/contracts';
import { z } from 'zod';
import { hostGroupName } from '../http/bounds.ts';

export const loginBody = z.strictObject({ token: z.string().min(16).max(512) });
export type LoginBody = z.output<typeof loginBody>;

/** How many hosts an invitation lets in, one unless said; and the group that they are in, none unless said. */
export const joinTokenBody = z
  .strictObject({
    hosts: z.number().int().min(1).max(invitedHostsMax).default(1),
    group: hostGroupName.or(z.literal('')).default(''),
  })
  .prefault({});
export type JoinTokenBody = z.output<typeof joinTokenBody>;
