// What alerts may be asked: filters, pages, and files in conflict.
import { z } from 'zod';
import { alertId, containerId, hostId, limits, pageLimit, ruleName, searchText } from '../http/bounds.ts';

const stateWord = z.enum(['open', 'responding', 'remediated', 'stopped', 'failed', 'released', 'archived']);
const severityWord = z.enum(['informational', 'low', 'medium', 'high', 'critical']);
/** "open,failed" → a list; each word checked. */
function words<Word extends string>(word: z.ZodEnum<Readonly<Record<Word, Word>>>) {
  return z
    .string()
    .max(200)
    .describe(`One or more of ${word.options.join(', ')}, with commas between them`)
    .transform((text) => text.split(',').filter((part) => part !== ''))
    .pipe(
      z
        .array(z.string())
        .max(10)
        .transform((list) => list.map((part) => word.parse(part))),
    )
    .optional();
}

export const alertsQuery = z.object({
  state: words(stateWord),
  severity: words(severityWord),
  host: hostId.optional(),
  container: containerId.optional(),
  technique: z
    .string()
    .regex(/^T\d{4}(\.\d{3})?$/, 'a technique is written T1486 or T1059.006')
    .optional(),
  rule: ruleName.optional(),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'a SHA-256 is 64 lower-case hex digits')
    .optional(),
  image: searchText.optional(),
  containerImage: searchText.optional(),
  namespace: searchText.optional(),
  pod: searchText.optional(),
  workload: searchText.optional(),
  label: z
    .string()
    .max(limits.searchCharactersMax)
    .regex(/^[^=]+=.*$/, 'a label is written app=web')
    .optional(),
  q: searchText.optional(),
  /** What a table shows of an id; fewer digits could be those of many. */
  id: z
    .string()
    .regex(
      /^[0-9a-f]{8,32}$/,
      'an alert is named by its id, or by at least the first 8 of its 32 lower-case hex digits',
    )
    .optional(),
  limit: pageLimit,
  cursor: alertId.optional(),
});
export type AlertsQuery = z.output<typeof alertsQuery>;

export const detailQuery = z.object({ again: z.stringbool().default(false) });
export type DetailQuery = z.output<typeof detailQuery>;

/** Files of an alert that one can page to. */
const fileOffsetMax = 100_000;
export const filesQuery = z.object({ offset: z.coerce.number().int().min(0).max(fileOffsetMax).default(0) });
export type FilesQuery = z.output<typeof filesQuery>;

/** One path is text, several are a list. */
export const conflictsQuery = z.object({
  path: z
    .union([
      z.string().max(limits.pathCharactersMax),
      z.array(z.string().max(limits.pathCharactersMax)).max(limits.pathsMax),
    ])
    .transform((paths) => (typeof paths === 'string' ? [paths] : paths))
    .default([]),
});
export type ConflictsQuery = z.output<typeof conflictsQuery>;
