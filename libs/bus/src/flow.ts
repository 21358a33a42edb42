// The way of the data: each stage, what it reads and what it writes, and whose signature that needs. An architecture test walks this table.
import type { Signer } from '@norn/config';

/** Kafka topics. Key of a record, where nothing else is said: `tenant:host`, so one host is one ordered stream. */
export const topics = {
  raw: 'norn.raw.v1',
  facts: 'norn.facts.v1',
  enriched: 'norn.enriched.v1',
  lineage: 'norn.lineage.v1',
  /** What correlations over all hosts of a tenant await; key: the tenant. */
  occurrences: 'norn.occurrences.v1',
  findings: 'norn.findings.v1',
  alerts: 'norn.alerts.v1',
  commands: 'norn.commands.v1',
  /** Compacted; the newest signed policy of each tenant's hosts. Key: `tenant`. */
  policies: 'norn.policies.v1',
  outcomes: 'norn.outcomes.v1',
  deadLetter: 'norn.deadletter.v1',
  /** Compacted; process-tree's own snapshots, key `tenant:host`. Not part of the flow between stages. */
  lineageState: 'norn.lineage-state.v1',
} as const;

export type TopicName = keyof typeof topics;

export interface Stage {
  readonly name: string;
  /** The service it runs in, by whose name the broker knows it; absent: the same. */
  readonly service?: string;
  /** Its group is `norn.GROUP`; absent: by its name. */
  readonly group?: string;
  readonly consumes: readonly TopicName[];
  readonly produces: readonly TopicName[];
  /** What it has written itself and reads again when it starts, to have its state back. */
  readonly restores?: readonly TopicName[];
}

/**
 * Who may have written a record: readers take one only with the signature of a signer named here. Dead letters have no signer; each carries the
 * signature that its record had, and what was done with it is signed by who did it (`dead-letters/notes.ts`).
 */
export const writers: Readonly<Record<TopicName, readonly Signer[]>> = {
  raw: ['ingest'],
  facts: ['ingest'],
  enriched: ['enrichment'],
  lineage: ['process-tree'],
  occurrences: ['detection'],
  findings: ['detection'],
  alerts: ['detection'],
  commands: ['remediation'],
  policies: ['remediation'],
  outcomes: ['ingest'],
  deadLetter: [],
  lineageState: ['process-tree'],
};

const rows = [
  { name: 'ingest', consumes: [], produces: ['raw', 'facts', 'outcomes'] },
  { name: 'enrichment', consumes: ['raw', 'facts'], produces: ['enriched'] },
  { name: 'process-tree', consumes: ['enriched'], produces: ['lineage'], restores: ['lineageState'] },
  {
    name: 'detection',
    consumes: ['lineage'],
    produces: ['occurrences', 'findings', 'alerts'],
    restores: ['alerts'],
  },
  // In the same service: what counts over all hosts of a tenant.
  {
    name: 'tenant-detection',
    service: 'detection',
    group: 'detection.tenants',
    consumes: ['occurrences'],
    produces: ['findings', 'alerts'],
  },
  { name: 'remediation', consumes: ['alerts', 'outcomes'], produces: ['commands', 'policies'] },
  { name: 'storage', consumes: ['facts', 'lineage', 'findings', 'alerts', 'outcomes'], produces: [] },
] as const satisfies readonly Stage[];

/** In run order: a stage consumes only what an earlier row produces. Every stage may also dead-letter. Its rights at the broker follow from its row (`access.ts`). */
export const flow: readonly Stage[] = rows;

/** The services that the stages run in, in run order. Each is a folder in services/. Whoever lists stages derives the list from this one. */
export const stageNames = [...new Set(rows.map((row) => ('service' in row ? row.service : row.name)))];
export type StageName = (typeof stageNames)[number];

/** The one edge back up: ingest delivers commands and policies to the hosts connected to it. */
export const downlink = { stage: 'ingest', consumes: ['commands', 'policies'] } as const;

/** Members of a stage share its partitions under this name: "norn.storage". */
export function groupIdOf({ name, group = name }: Pick<Stage, 'name' | 'group'>): string {
  return `norn.${group}`;
}

/** Of a consumer's group: "norn.storage" → "storage". */
export function stageOf(groupId: string): string {
  return flow.find((row) => groupIdOf(row) === groupId)?.name ?? groupId.replace(/^norn\./, '');
}
