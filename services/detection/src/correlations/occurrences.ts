// Matches as correlations take them: when, which event, and what its fields hold. `lineage`, `container`, `process`, `parent` and `host` are fields, too.
import { toHex } from '@norn/base';
import type { BatchView, finding } from '@norn/contracts';
import { type Occurrence, type RuleMatch, fieldOfRow } from '@norn/rules';
import { isLetBe, ruleFinding } from '../steps/content-finding.ts';
import type { JudgedBatch } from '../steps/envelope.ts';

/** An event that a rule found, under a name that the rule is awaited by. */
export function occurrenceOf(envelope: JudgedBatch, match: RuleMatch, name: string): Occurrence<finding.Finding> {
  const { batch, hostId, ruleBatch } = envelope;
  // Whether the rule itself only observes says nothing of what counts its events.
  const about = { ...ruleFinding(envelope, match), observed: isLetBe(envelope, match.row) };
  const own = new Map([
    ['lineage', toHex(about.lineageUid)],
    ['process', toHex(about.processUid)],
    ['parent', toHex(about.parentUid)],
    ['container', about.containerId],
    ['host', hostId],
  ]);
  return {
    timeMs: timeMs(batch, match.row),
    id: eventId(batch, match.row, about),
    rule: name,
    about,
    field: (field) =>
      own.has(field) ? own.get(field) || undefined : fieldOfRow(match.rule, field, ruleBatch, match.row),
  };
}

/** By what it is, not by where it stands: rows of several CPUs may come in any order. */
function eventId({ columns }: BatchView, row: number, { processUid, timeUs }: finding.Finding): string {
  const text = (index: number | undefined): string => columns.strings.text(index ?? 0);
  const what = [columns.kind[row] ?? 0, text(columns.path[row]), text(columns.target[row])];
  return [toHex(processUid), timeUs, ...what].join(':');
}

/** To the microsecond: two programs start within one millisecond, and which came first decides about an order. */
function timeMs({ baseTimeUs, columns }: BatchView, row: number): number {
  return (baseTimeUs + (columns.timeOffsetUs[row] ?? 0)) / 1000;
}

/** Of the newest event of a batch. */
export function latestMs({ baseTimeUs, columns }: BatchView): number {
  const latestUs = columns.timeOffsetUs.reduce((latest, offset) => Math.max(latest, offset), 0);
  return Math.floor((baseTimeUs + latestUs) / 1000);
}
