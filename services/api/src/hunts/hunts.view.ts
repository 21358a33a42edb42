// What a hunt found, for people: the picture over time, and each event with what matched.
import { create } from '@bufbuild/protobuf';
import { event, view } from '@norn/contracts';
import {
  type CorrelationRule,
  type Rule,
  RuleEngine,
  type RuleMatch,
  type StoredProcess,
  buildRuleBatch,
  fieldOfRow,
  storedEvent,
} from '@norn/rules';
import type { BucketRow, FoundRow, ImageRow } from './hunts.queries.ts';
import type { HuntWindow } from '../model/hunting/hunting.queries.ts';
import { timeOf } from '../model/words.ts';

export interface HuntedRule {
  /** Its file without the ending; empty when it was given as text. */
  readonly name: string;
  readonly rule: Rule | CorrelationRule;
}

export function huntRuleView({ name, rule }: HuntedRule): view.HuntRuleView {
  return create(view.HuntRuleViewSchema, {
    id: rule.id,
    name,
    title: rule.title,
    level: rule.level,
    description: rule.description,
    techniques: [...rule.techniques],
    category: rule.kind === 'correlation' ? 'correlation' : (rule.logsource.category ?? rule.logsource.service ?? ''),
  });
}

/** Every stretch of the time, also those without events. */
export function histogramView(rows: readonly BucketRow[], window: HuntWindow, seconds: number): view.HuntBucket[] {
  const events = new Map(rows.map((row) => [row.bucket, Number(row.events)]));
  const first = Math.floor(window.sinceUs / 1_000_000 / seconds);
  const last = Math.floor((window.untilUs - 1) / 1_000_000 / seconds);
  return Array.from({ length: last - first + 1 }, (_, at) =>
    create(view.HuntBucketSchema, {
      time: timeOf((first + at) * seconds * 1_000_000),
      events: events.get(first + at) ?? 0,
    }),
  );
}

interface Known {
  /** Oldest first. */
  readonly images: readonly ImageRow[];
  readonly hostNames: ReadonlyMap<string, string>;
}

/** In the order of the rows. The engine looks at each once more: it says which values matched, and what happened in a sentence. */
export function eventsView(rule: Rule, rows: readonly FoundRow[], known: Known): view.HuntEventView[] {
  return seenAgain(rule, rows, known.images).map(({ match, ...found }) => {
    const matched = (match?.evidence ?? []).map(({ field, value }) => ({ field, value }));
    return eventView(found, known.hostNames, { summary: match?.summary ?? rule.title, matched });
  });
}

interface Told {
  readonly summary: string;
  readonly matched: readonly { readonly field: string; readonly value: string }[];
}

export function eventView(
  { row, image }: Found,
  hostNames: ReadonlyMap<string, string>,
  { summary, matched }: Told,
): view.HuntEventView {
  return create(view.HuntEventViewSchema, {
    time: timeOf(Number(row.us)),
    hostId: row.hostId,
    hostName: hostNames.get(row.hostId) ?? row.hostId,
    containerId: row.containerId,
    containerName: image?.containerName ?? '',
    containerImage: image?.containerImage ?? '',
    kind: (event.EventKind[row.kind] ?? '').toLowerCase(),
    processUid: row.uid,
    pid: row.pid,
    image: row.imagePath,
    commandLine: image?.commandLine ?? '',
    userName: image?.userName ?? '',
    summary,
    matched: [...matched],
  });
}

export interface Found {
  readonly row: FoundRow;
  readonly image: ImageRow | undefined;
}

export interface SeenAgain extends Found {
  /** Undefined when the engine does not find it. */
  readonly match: RuleMatch | undefined;
  /** What a field of the event holds, as the rule looks at it. */
  readonly field: (name: string) => string | undefined;
}

/** Events the engine is given at once: fewer than the matches it tells of. */
const batchEvents = 400;

/** The rows as the engine sees them, in their order. `images`: oldest first. */
export function seenAgain(rule: Rule, rows: readonly FoundRow[], images: readonly ImageRow[]): SeenAgain[] {
  const engine = new RuleEngine([rule]);
  const imageOf = imagesByProcess(images);
  const found = rows.map((row) => ({ row, image: imageOf(row) }));
  const seen: SeenAgain[] = [];
  for (let from = 0; from < found.length; from += batchEvents) {
    const some = found.slice(from, from + batchEvents);
    const batch = buildRuleBatch(
      some.map(({ row, image }) => storedEvent({ ...row, value: BigInt(row.value) }, storedProcess(image))),
    );
    const matches = new Map(engine.evaluate(batch).matches.map((match) => [match.row, match]));
    some.forEach((each, at) => {
      seen.push({ ...each, match: matches.get(at), field: (name) => fieldOfRow(rule, name, batch, at) });
    });
  }
  return seen;
}

function storedProcess(image: ImageRow | undefined): StoredProcess | undefined {
  return image && { ...image, capabilities: image.capabilities.map(BigInt) };
}

/** The image that ran at the time of the event, as the query joins it. */
function imagesByProcess(images: readonly ImageRow[]): (row: FoundRow) => ImageRow | undefined {
  const byProcess = new Map<string, ImageRow[]>();
  for (const image of images) {
    const key = `${image.hostId} ${image.uid} ${image.imagePath}`;
    const known = byProcess.get(key);
    if (known) known.push(image);
    else byProcess.set(key, [image]);
  }
  return ({ hostId, uid, imagePath, us }) =>
    byProcess.get(`${hostId} ${uid} ${imagePath}`)?.findLast((image) => Number(image.us) <= Number(us));
}
