// Hunts for what a correlation finds: at most a fixed number of events of each of its rules is read, oldest first, and the live correlators put
// them together.
import {
  type CorrelationRule,
  CorrelationHunt,
  type PastMatch,
  type Rule,
  type RuleSet,
  compileHunt,
  kernelColumns,
} from '@norn/rules';
import type { TenantQueryParts } from '@norn/store';
import type { view } from '@norn/contracts';
import { type Found, type SeenAgain, eventView, seenAgain } from './hunts.view.ts';
import { type FoundRow, type ImageRow, firstFoundQuery, imagesQuery } from './hunts.queries.ts';
import type { HuntWindow } from '../model/hunting/hunting.queries.ts';
import { huntLimits } from './hunts.request.ts';

export type Read = <Row>(query: TenantQueryParts) => Promise<Row[]>;

/** The event, and what the rule that found it says of it. */
interface About extends Found {
  readonly summary: string;
}

export interface CorrelationsFound {
  /** In the order of their last events. */
  readonly matches: readonly PastMatch<About>[];
  readonly eventsRead: number;
  /** Unix µs: the window, or where there was too much. */
  readonly readUntilUs: number;
}

interface PartEvents {
  readonly rule: Rule;
  readonly rows: readonly FoundRow[];
}

/** Throws `rule_invalid`, and what `read` throws. */
export async function huntCorrelation(
  asked: CorrelationRule,
  ruleSet: RuleSet,
  { window, read, scan }: { readonly window: HuntWindow; readonly read: Read; readonly scan: (scans: number) => Read },
): Promise<CorrelationsFound> {
  const hunt = new CorrelationHunt<About>(asked, ruleSet);
  const max = Math.floor(huntLimits.correlatedEventsMax / Math.max(1, hunt.parts.length));
  const parts: PartEvents[] = [];
  const look = scan(hunt.parts.length);
  for (const rule of hunt.parts)
    parts.push({ rule, rows: await look<FoundRow>(firstFoundQuery(compileHunt(rule, kernelColumns), window, max)) });
  const readUntilUs = parts.reduce((until, { rows }) => Math.min(until, completeUntil(rows, max)), window.untilUs);
  let eventsRead = 0;
  for (const { rule, rows } of parts) {
    const looked = rows.filter(({ us }) => Number(us) < readUntilUs);
    for (let from = 0; from < looked.length; from += IMAGES_PER_QUERY) {
      const some = looked.slice(from, from + IMAGES_PER_QUERY);
      const images = await read<ImageRow>(imagesQuery([...new Set(some.map(({ uid }) => uid))]));
      for (const each of seenAgain(rule, some, images)) if (each.match) hunt.take(pastEvent(rule, each));
    }
    eventsRead += looked.length;
  }
  return { matches: hunt.finish(), eventsRead, readUntilUs };
}

/** A question's list of processes has a bound of its own. */
const IMAGES_PER_QUERY = 1_000;

/** Of as many rows as were asked for there may be more, at the time of the last one, too. */
function completeUntil(rows: readonly FoundRow[], max: number): number {
  return rows.length < max ? Infinity : Number(rows.at(-1)?.us ?? 0);
}

/** As live events have it: by what it is, and with `lineage`, `process`, `parent`, `container` and `host` as fields. */
function pastEvent(rule: Rule, { row, image, match, field }: SeenAgain) {
  const { us, hostId, uid, lineage, containerId, kind, path, target } = row;
  const own = new Map([
    ['lineage', isNone(lineage) ? uid : lineage],
    ['process', uid],
    ['parent', image === undefined || isNone(image.parentUid) ? '' : image.parentUid],
    ['container', containerId],
    ['host', hostId],
  ]);
  return {
    hostId,
    rule,
    timeMs: Number(us) / 1000,
    id: [uid, us, kind, path, target].join(':'),
    about: { row, image, summary: match?.summary ?? rule.title },
    field: (name: string) => (own.has(name) ? own.get(name) || undefined : field(name)),
  };
}

function isNone(uid: string): boolean {
  return /^0*$/.test(uid);
}

/** The event that completed it, with what all of them were. */
export function correlationView(
  { match, hostIds }: PastMatch<About>,
  hostNames: ReadonlyMap<string, string>,
): view.HuntEventView[] {
  const { rule, group, events, measure } = match;
  const last = events.at(-1);
  if (!last) return [];
  const values = new Map([...group, ['count', String(measure)]]);
  const told = [...new Set(events.map(({ about }) => about.summary))];
  const summary =
    rule.summary?.replace(/\{(\w+)\}/g, (_, name: string) => values.get(name) ?? '') ?? told.join(', then ');
  const hosts = hostIds.length > 1 ? hostIds.map((id) => ({ field: 'host', value: hostNames.get(id) ?? id })) : [];
  const matched = [
    ...group.map(([field, value]) => ({ field, value })),
    { field: rule.type, value: String(measure) },
    ...hosts,
    ...events.map(({ about }) => ({ field: 'event', value: about.summary })),
  ];
  return [eventView(last.about, hostNames, { summary, matched })];
}
