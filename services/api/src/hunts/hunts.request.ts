// What a hunt may be asked: which rule, over which time, how many events.
import { NornError } from '@norn/base';
import { z } from 'zod';
import type { HuntWindow } from '../model/hunting/hunting.queries.ts';

export const huntLimits = {
  /** A rule given as text, in a body of its own size. */
  bodyBytesMax: 288 * 1024,
  eventsMax: 1_000,
  /** Of a rule that is given as text, in the audit trail. */
  tracedCharsMax: 2_000,
  eventsDefault: 100,
  /** Events of a correlation's rules that one hunt puts together, all rules together. */
  correlatedEventsMax: 50_000,
} as const;

const moment = z
  .string()
  .max(40)
  .refine(
    (text) => /^\d{1,6}[smhd]$/.test(text) || !Number.isNaN(Date.parse(text)),
    'a time is written 7d, 24h, 30m, 90s (so long ago), or like 2026-11-27T03:00:00Z',
  );

export const huntBody = z
  .strictObject({
    /** Of the pack: the name of its file, its id or its title. Of the tenant's own: its id or title. */
    rule: z.string().trim().min(1).max(256).optional(),
    /** A rule as YAML. */
    text: z
      .string()
      .min(1)
      .max(256 * 1024)
      .optional(),
    /** What errors call the text. */
    file: z
      .string()
      .regex(/^[^\p{Cc}]{1,256}$/u, 'a name without control characters')
      .default('rule.yml'),
    since: moment.default('7d'),
    until: moment.default('0s'),
    limit: z.coerce.number().int().min(1).max(huntLimits.eventsMax).default(huntLimits.eventsDefault),
  })
  .refine(
    ({ rule, text }) => (rule === undefined) !== (text === undefined),
    'give either "rule", the name of a rule of the pack, or "text", a rule as YAML',
  );
export type HuntBody = z.output<typeof huntBody>;

/** Throws `input_invalid` when it ends before it begins. */
export function windowOf({ since, until }: Pick<HuntBody, 'since' | 'until'>, now: Date): HuntWindow {
  const window = { sinceUs: microsOf(since, now), untilUs: microsOf(until, now) };
  if (window.sinceUs >= window.untilUs)
    throw new NornError('input_invalid', `Nothing lies between ${since} and ${until}: "since" must be before "until"`);
  return window;
}

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function microsOf(text: string, now: Date): number {
  const [, count, unit = ''] = /^(\d+)([smhd])$/.exec(text) ?? [];
  const ms = count === undefined ? Date.parse(text) : now.getTime() - Number(count) * (unitMs[unit] ?? 0);
  return Math.max(0, ms) * 1_000;
}

const bucketSeconds = [1, 5, 10, 30, 60, 300, 600, 1_800, 3_600, 10_800, 21_600, 86_400, 604_800];
const bucketsMax = 96;

/** The finest division of that time that a picture has room for. */
export function bucketOf({ sinceUs, untilUs }: HuntWindow): number {
  const seconds = (untilUs - sinceUs) / 1_000_000;
  return bucketSeconds.find((step) => seconds / step <= bucketsMax) ?? Math.ceil(seconds / bucketsMax);
}
