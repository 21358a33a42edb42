// What hosts may be asked: the commands that they were sent, and groups of them.
import { z } from 'zod';
import { alertId, limits, pageLimit } from '../http/bounds.ts';

export const commandsQuery = z.object({ alert: alertId.optional(), limit: pageLimit, cursor: alertId.optional() });
export type CommandsQuery = z.output<typeof commandsQuery>;

/** As policies name it. */
export const hostGroupName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'a group of hosts is called by 1 to 64 small letters, digits and "-"');
export const hostGroupBody = z.strictObject({
  /** Ids of hosts, or patterns of their names. */
  members: z
    .array(
      z.string().regex(/^[\w.*-]{1,253}$/, 'a host is given by its id, or by its name with "*" for any characters'),
    )
    .max(limits.hostGroupMembersMax),
});
export type HostGroupBody = z.output<typeof hostGroupBody>;
