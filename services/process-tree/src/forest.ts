// The trees of one partition's hosts, and since when each differs from what is written down of it.
import { HostState } from '@norn/lineage';
import { Metric, count } from '@norn/telemetry';

/** Hosts of one partition held in memory; the one silent longest is forgotten. */
export const hostsMax = 10_000;

export class Forest {
  /** The host that spoke last stands last. */
  readonly hosts = new Map<string, HostState>();
  /** Offset of the first batch that is in the tree and not in its snapshot. */
  readonly unwritten = new Map<string, number>();
  /** When a host's snapshot was taken, ms of the process's clock; absent: never. */
  readonly writtenAt = new Map<string, number>();
  /** Offset in the enriched topic after the last batch that was handled. */
  nextOffset = 0;

  /** `isOwned` says whether the forest's partition is still this process's; in a replay of a file nobody else has it. */
  constructor(readonly isOwned: () => Promise<boolean> = () => Promise.resolve(true)) {}

  stateOf(hostKey: string): HostState {
    const state = this.hosts.get(hostKey) ?? new HostState();
    this.hosts.delete(hostKey);
    this.hosts.set(hostKey, state);
    if (this.hosts.size > hostsMax) this.forgetSilent();
    return state;
  }

  /** A batch at `offset` went into the host's tree. */
  grew(hostKey: string, offset: number): void {
    if (!this.unwritten.has(hostKey)) this.unwritten.set(hostKey, offset);
  }

  wrote(hostKey: string, nowMs: number): void {
    this.unwritten.delete(hostKey);
    this.writtenAt.set(hostKey, nowMs);
  }

  /** Everything below is in some snapshot. */
  get coveredOffset(): number {
    let covered = this.nextOffset;
    for (const offset of this.unwritten.values()) covered = Math.min(covered, offset);
    return covered;
  }

  get nodeCount(): number {
    let nodes = 0;
    for (const { tree } of this.hosts.values()) nodes += tree.count;
    return nodes;
  }

  private forgetSilent(): void {
    const silent = this.hosts.keys().next().value ?? '';
    this.hosts.delete(silent);
    this.unwritten.delete(silent);
    this.writtenAt.delete(silent);
    count(Metric.TreeHostsEvicted);
  }
}
