// What findings may be asked.
import { z } from 'zod';
import { containerId, hostId, pageLimit, ruleName } from '../http/bounds.ts';

export const findingsQuery = z.object({
  since: z.iso.datetime({ message: 'a moment is written 2026-11-27T03:00:00.000Z' }),
  host: hostId.optional(),
  container: containerId.optional(),
  rule: ruleName.optional(),
  limit: pageLimit,
});
export type FindingsQuery = z.output<typeof findingsQuery>;
