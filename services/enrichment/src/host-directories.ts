// The hosts' directories in memory, as their facts told them; the host that has been silent longest is forgotten first.
import { fromBinary } from '@bufbuild/protobuf';
import { event } from '@norn/contracts';
import { type HostDirectory, directoryOf } from '@norn/enrichers';
import { Metric, count } from '@norn/telemetry';
import type { Directories } from './ports/directories.ts';

/** Hosts remembered. */
const hostsMax = 100_000;

export class HostDirectories implements Directories {
  private readonly hosts = new Map<string, HostDirectory>();

  directoryOf(hostKey: string): HostDirectory | undefined {
    return this.hosts.get(hostKey);
  }

  get size(): number {
    return this.hosts.size;
  }

  /** `facts` is a serialised HostFacts. Throws what protobuf throws when it does not parse; nothing is changed then. */
  learn(hostKey: string, facts: Uint8Array): void {
    const directory = directoryOf(fromBinary(event.HostFactsSchema, facts), this.hosts.get(hostKey));
    this.hosts.delete(hostKey);
    this.hosts.set(hostKey, directory);
    if (this.hosts.size <= hostsMax) return;
    this.hosts.delete(this.hosts.keys().next().value ?? '');
    count(Metric.FactsEvicted);
  }
}
