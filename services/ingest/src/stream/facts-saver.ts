// Keeps the newest facts of each host in the control plane, not more often than every two seconds a host.
import { toJson } from '@bufbuild/protobuf';
import { event } from '@norn/contracts';
import { limits } from '../limits.ts';
import type { HostRegistry } from '../ports/host-registry.ts';
import { type Peer, keyOf } from './peer.ts';

interface Saving {
  newest: event.HostFacts | undefined;
  timer: NodeJS.Timeout | undefined;
}

export class FactsSaver {
  private readonly savings = new Map<string, Saving>();

  constructor(
    private readonly registry: HostRegistry,
    private readonly onError: (error: unknown) => void,
  ) {}

  save(peer: Peer, facts: event.HostFacts): void {
    const saving = this.savings.get(keyOf(peer));
    if (saving !== undefined) {
      saving.newest = facts;
      return;
    }
    this.savings.set(keyOf(peer), { newest: facts, timer: undefined });
    void this.write(peer);
  }

  close(): void {
    for (const { timer } of this.savings.values()) clearTimeout(timer);
    this.savings.clear();
  }

  /** Writes the newest; then waits, and ends when nothing newer has come. */
  private async write(peer: Peer): Promise<void> {
    const key = keyOf(peer);
    const saving = this.savings.get(key);
    if (saving?.newest === undefined) {
      this.savings.delete(key);
      return;
    }
    const json = toJson(event.HostFactsSchema, saving.newest) as object;
    saving.newest = undefined;
    await this.registry.saveFacts(peer, json, new Date()).catch(this.onError);
    saving.timer = setTimeout(() => void this.write(peer), limits.factsSaveEveryMs);
    saving.timer.unref();
  }
}
