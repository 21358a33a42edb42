// Reads what stored events know about one attack: its own tree first, then what its processes did. Costs what the host did in that time: it is
// made once and kept (attack-summaries.ts).
import { Injectable } from '@nestjs/common';
import { toHex } from '@norn/base';
import type { TenantQueryParts } from '@norn/store';
import { Telemetry } from '../telemetry.port.ts';
import type { Attack } from './attack.ts';
import {
  type ActivityRow,
  type AttackWindow,
  type ChangedRow,
  type ConnectionRow,
  type EndRow,
  type MemberRow,
  type ProcessRow,
  activityQuery,
  blamedCountQuery,
  blamedQuery,
  changedFilesQuery,
  connectionsMax,
  connectionsQuery,
  endsQuery,
  lossQuery,
  openQuery,
  processesMax,
  processesQuery,
  relativesQuery,
} from './attack.queries.ts';

/** The story begins a little before the first act and goes on after the last word about it. */
const beforeUs = 10 * 60 * 1_000_000;
const afterUs = 60 * 60 * 1_000_000;
const changedByMax = 1000;
const ancestorsMax = 100;

/** What is kept with an alert; plain JSON. */
export interface AttackSummary {
  readonly rows: readonly ProcessRow[];
  readonly ancestors: readonly ProcessRow[];
  readonly activity: readonly ActivityRow[];
  /** Ends known when it was made: those are not asked for again. */
  readonly ends: readonly EndRow[];
  readonly connections: readonly ConnectionRow[];
  readonly connectionsTruncated: boolean;
  /** Shown while nothing is decided about files. */
  readonly changed: readonly ChangedRow[];
  readonly eventsLost: number;
  /** The attack's own processes, also beyond `rows`. */
  readonly blamedTotal: number;
  /** How long it took to make, ms. */
  readonly tookMs: number;
}

export const emptySummary: AttackSummary = {
  rows: [],
  ancestors: [],
  activity: [],
  ends: [],
  connections: [],
  connectionsTruncated: false,
  changed: [],
  eventsLost: 0,
  blamedTotal: 0,
  tookMs: 0,
};

@Injectable()
export class AttackTelemetry {
  constructor(private readonly telemetry: Telemetry) {}

  /** Throws `telemetry_unavailable` when it is too much, or stored events can not be read. */
  async summary(tenantId: string, attack: Attack): Promise<AttackSummary> {
    const begun = performance.now();
    const window = windowOf(attack);
    const read = <Row>(query: TenantQueryParts): Promise<Row[]> => this.telemetry.rows<Row>(tenantId, query);
    const [first, open, counted, relatives] = await Promise.all([
      read<MemberRow>(blamedQuery(window)),
      read<MemberRow>(openQuery(window)),
      read<{ processes: number | string }>(blamedCountQuery(window)),
      window.containerId === '' ? [] : read<MemberRow>(relativesQuery(window)),
    ]);
    const blamed = withOpen(first, open);
    const tree = treeOf(blamed, relatives);
    const rows = tree.members.length === 0 ? [] : await read<ProcessRow>(processesQuery(window.hostId, tree.members));
    const ancestors = tree.above.length === 0 ? [] : await read<ProcessRow>(processesQuery(window.hostId, tree.above));
    const uids = blamed.map(({ uid }) => uid);
    if (uids.length === 0) return { ...emptySummary, rows, ancestors };
    const [activity, ends, connections, changed, loss] = await Promise.all([
      read<ActivityRow>(activityQuery(window, uids)),
      read<EndRow>(endsQuery(window.hostId, [...tree.members, ...tree.above])),
      read<ConnectionRow>(connectionsQuery(window, uids)),
      read<ChangedRow>(changedFilesQuery(window, uids.slice(0, changedByMax))),
      read<{ lost: number | string }>(lossQuery(window)),
    ]);
    return {
      ...{ rows, ancestors, activity, ends, changed },
      connections: connections.slice(0, connectionsMax),
      connectionsTruncated: connections.length > connectionsMax,
      eventsLost: Number(loss[0]?.lost ?? 0),
      blamedTotal: Math.max(uids.length, Number(counted[0]?.processes ?? 0)),
      tookMs: Math.ceil(performance.now() - begun),
    };
  }
}

/** What may run yet takes the room of those that came last. */
function withOpen(first: readonly MemberRow[], open: readonly MemberRow[]): MemberRow[] {
  const known = new Set(first.map(({ uid }) => uid));
  const late = open.filter(({ uid }) => !known.has(uid));
  return [...first.slice(0, processesMax - late.length), ...late];
}

/** Uids of the tree: what is blamed, others of its container for as long as there is room, and what stands above it. */
function treeOf(blamed: readonly MemberRow[], relatives: readonly MemberRow[]): { members: string[]; above: string[] } {
  const members = new Set(blamed.map(({ uid }) => uid));
  for (const { uid } of relatives) if (members.size < processesMax) members.add(uid);
  const above = new Set(blamed.flatMap(({ ancestors }) => ancestors).filter((uid) => !members.has(uid)));
  return { members: [...members], above: [...above].slice(0, ancestorsMax) };
}

function windowOf({ alert, handling, scopes, firstActUs, lastWordUs }: Attack): AttackWindow {
  const hex = (all: readonly Uint8Array[]): string[] => [
    ...new Set(all.filter(({ length }) => length === 16).map(toHex)),
  ];
  return {
    hostId: handling.hostId,
    containerId: alert.containerId,
    scopes,
    named: hex(alert.findings.map(({ processUid }) => processUid)),
    lineages: hex([alert.lineageUid, ...alert.findings.map(({ lineageUid }) => lineageUid)]),
    fromUs: firstActUs - beforeUs,
    toUs: lastWordUs + afterUs,
  };
}
