// The containers of this host as their runtimes tell of them; an ended one is kept a while, for its events are still on their way.
import { create, equals } from '@bufbuild/protobuf';
import { event } from '@norn/contracts';
import { limits } from '../limits.ts';

export interface ContainerDescription {
  readonly containerId: string;
  readonly name: string;
  readonly image: string;
  readonly imageId: string;
  readonly runtime: string;
  readonly podName?: string;
  readonly podNamespace?: string;
  readonly podUid?: string;
  readonly podLabels?: Readonly<Record<string, string>>;
  readonly podOwner?: string;
  readonly serviceAccount?: string;
  readonly imageDigest?: string;
  readonly startedAtUs: bigint;
  readonly rootPath: string;
}

export class ContainerTable {
  private readonly facts = new Map<string, event.ContainerFact>();
  refused = 0;

  constructor(
    private readonly nowMs: () => number,
    private readonly onChange: () => void,
  ) {}

  put(container: ContainerDescription): void {
    const known = this.facts.get(container.containerId);
    if (known === undefined && this.facts.size >= limits.containersMax) {
      this.refused++;
      return;
    }
    const { podLabels = {}, ...rest } = container;
    const fact = create(event.ContainerFactSchema, { ...rest, podLabels: { ...podLabels } });
    if (known !== undefined && isSame(known, fact)) return;
    this.facts.set(container.containerId, fact);
    this.onChange();
  }

  end(containerId: string): void {
    const known = this.facts.get(containerId);
    if (known === undefined || known.endedAtUs !== 0n) return;
    // A new one: what was handed out is not changed behind its reader.
    const endedAtUs = BigInt(this.nowMs()) * 1000n;
    this.facts.set(containerId, create(event.ContainerFactSchema, { ...known, endedAtUs }));
    this.onChange();
  }

  /** Those of a runtime that it no longer lists have ended. */
  endAllBut(runtimes: readonly string[], running: ReadonlySet<string>): void {
    for (const [id, { runtime }] of this.facts) if (runtimes.includes(runtime) && !running.has(id)) this.end(id);
  }

  all(): event.ContainerFact[] {
    const endedBeforeUs = BigInt(this.nowMs() - limits.containerEndedMs) * 1000n;
    for (const [id, { endedAtUs }] of this.facts)
      if (endedAtUs !== 0n && endedAtUs < endedBeforeUs) this.facts.delete(id);
    return [...this.facts.values()];
  }
}

function isSame(a: event.ContainerFact, b: event.ContainerFact): boolean {
  return equals(event.ContainerFactSchema, a, b);
}
