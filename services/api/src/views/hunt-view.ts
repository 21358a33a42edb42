// What a hunt found, for people: the picture over time, and each event with what matched.
import { create } from '@bufbuild/protobuf';
import { event, view } from '@norn/contracts';
import { type Rule, RuleEngine, type RuleMatch, buildRuleBatch, storedEvent } from '@norn/rules';
import type { PackRule } from '../adapters/rule-pack.ts';
import type { BucketRow, FoundRow, ImageRow } from '../hunts/hunt-queries.ts';
import type { HuntWindow } from '../hunts/hunt-request.ts';
import { timeOf } from './words.ts';

export function huntRuleView({ name, rule }: PackRule): view.HuntRuleView {
  return create(view.HuntRuleViewSchema, {
    id: rule.id,
    name,
    title: rule.title,
    level: rule.level,
    description: rule.description,
    techniques: [...rule.techniques],
    category: rule.logsource.category ?? rule.logsource.service ?? '',
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
  const imageOf = imagesByProcess(known.images);
  const found = rows.map((row) => ({ row, image: imageOf(row) }));
  const matches = matchesOf(rule, found);
  return found.map(({ row, image }, at) => {
    const match = matches.get(at);
    return create(view.HuntEventViewSchema, {
      time: timeOf(Number(row.us)),
      hostId: row.hostId,
      hostName: known.hostNames.get(row.hostId) ?? row.hostId,
      containerId: row.containerId,
      containerName: image?.containerName ?? '',
      containerImage: image?.containerImage ?? '',
      kind: (event.EventKind[row.kind] ?? '').toLowerCase(),
      processUid: row.uid,
      pid: row.pid,
      image: row.imagePath,
      commandLine: image?.commandLine ?? '',
      userName: image?.userName ?? '',
      summary: match?.summary ?? rule.title,
      matched: (match?.evidence ?? []).map(({ field, value }) => ({ field, value })),
    });
  });
}

interface Found {
  readonly row: FoundRow;
  readonly image: ImageRow | undefined;
}

/** Events the engine is given at once: fewer than the matches it tells of. */
const batchEvents = 400;

function matchesOf(rule: Rule, found: readonly Found[]): Map<number, RuleMatch> {
  const engine = new RuleEngine([rule]);
  const events = found.map(({ row, image }) => storedEvent({ ...row, value: BigInt(row.value) }, image));
  const matches = new Map<number, RuleMatch>();
  for (let from = 0; from < events.length; from += batchEvents) {
    const batch = buildRuleBatch(events.slice(from, from + batchEvents));
    for (const match of engine.evaluate(batch).matches) matches.set(from + match.row, match);
  }
  return matches;
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
