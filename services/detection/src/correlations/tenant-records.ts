// What a host's batch has to say to the correlations over all hosts of its tenant: events that they await, and what is known to be lost.
import { create } from '@bufbuild/protobuf';
import { finding, occurrence } from '@norn/contracts';
import type { CorrelationSet, Occurrence } from '@norn/rules';
import { Metric, count } from '@norn/telemetry';
import { limits } from '../limits.ts';
import { bounded } from '../steps/bound-finding.ts';
import { correlationFinding } from '../steps/content-finding.ts';
import type { Correlated, JudgedBatch, TenantWhat } from '../steps/envelope.ts';
import type { Gap } from './gaps.ts';
import { occurrenceOf } from './occurrences.ts';

interface BatchStory {
  readonly envelope: JudgedBatch;
  readonly correlated: readonly Correlated[];
  readonly gaps: readonly Gap[];
  readonly sets: readonly CorrelationSet[];
}

export function tenantRecords({ envelope, correlated, gaps, sets }: BatchStory): TenantWhat[] {
  const wide = sets.filter((set) => set.has('tenant'));
  if (wide.length === 0) return [];
  const found = wide.flatMap((set) => [
    ...envelope.matches.flatMap((match) =>
      set.namesAwaited(match.rule, 'tenant').map((name) => toldOf(set, occurrenceOf(envelope, match, name))),
    ),
    ...correlated.flatMap((each) =>
      set.namesAwaited(each.match.rule, 'tenant').map((name) => toldOf(set, chained(envelope, each, name))),
    ),
  ]);
  const kept = found.slice(0, limits.tenants.recordsPerBatchMax);
  if (kept.length < found.length)
    count(Metric.CorrelationsForgotten, found.length - kept.length, { reason: 'too_many' });
  return [...gaps.slice(0, limits.gapsPerHostMax).map((gap) => gapRecord(envelope.hostId, gap)), ...kept];
}

/** A correlation of one host is an event for those over all of them. */
function chained(envelope: JudgedBatch, each: Correlated, name: string): Occurrence<finding.Finding> {
  const about = correlationFinding(envelope, each);
  const held = new Map([...each.match.group, ['host', envelope.hostId]]);
  return { timeMs: each.match.untilMs, id: about.id, rule: name, about, field: (field) => held.get(field) };
}

function toldOf(set: CorrelationSet, { timeMs, id, rule, about, field }: Occurrence<finding.Finding>): TenantWhat {
  const fields = set.fieldsAsked(rule).flatMap((name) => {
    const value = field(name);
    return value === undefined ? [] : [create(finding.EvidenceSchema, { field: name, value })];
  });
  const timeUs = BigInt(Math.round(timeMs * 1000));
  return {
    case: 'occurrence',
    value: create(occurrence.OccurrenceSchema, { timeUs, eventId: id, rule, fields, about: bounded(about) }),
  };
}

function gapRecord(hostId: string, { fromMs, untilMs, events }: Gap): TenantWhat {
  const [fromUs, untilUs] = [BigInt(Math.round(fromMs * 1000)), BigInt(Math.round(untilMs * 1000))];
  return { case: 'gap', value: create(occurrence.HostGapSchema, { hostId, fromUs, untilUs, events: BigInt(events) }) };
}
