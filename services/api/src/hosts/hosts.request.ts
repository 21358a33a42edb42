// What hosts may be asked: the commands that they were sent, and groups of them.
import { maintenanceMinutesMax } from '@norn/contracts';
import { z } from 'zod';
import { alertId, limits, pageLimit } from '../http/bounds.ts';

export const commandsQuery = z.object({ alert: alertId.optional(), limit: pageLimit, cursor: alertId.optional() });
export type CommandsQuery = z.output<typeof commandsQuery>;

export const maintenanceBody = z.strictObject({ minutes: z.int().min(1).max(maintenanceMinutesMax) });
export type MaintenanceBody = z.output<typeof maintenanceBody>;

export const hostGroupBody = z.strictObject({
  /** Ids of hosts, or patterns of their names. */
  members: z
    .array(
      z.string().regex(/^[\w.*-]{1,253}$/, 'a host is given by its id, or by its name with "*" for any characters'),
    )
    .max(limits.hostGroupMembersMax),
});
export type HostGroupBody = z.output<typeof hostGroupBody>;
