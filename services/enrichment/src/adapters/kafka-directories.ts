// The hosts' directories out of the compacted topic of facts: read to its end at the start, followed from then on.
import { fromBinary } from '@bufbuild/protobuf';
import { messageOf } from '@norn/base';
import { type BusConfig, type BusRecord, type Follower, followTopic } from '@norn/bus';
import { event } from '@norn/contracts';
import { type HostDirectory, directoryOf } from '@norn/enrichers';
import { Metric, count, createLogger, observe } from '@norn/telemetry';
import type { Directories } from '../ports/directories.ts';

/** Hosts remembered; the one that has been silent longest goes first. */
const hostsMax = 100_000;

export class KafkaDirectories implements Directories {
  private readonly logger = createLogger('enrichment');
  private readonly hosts = new Map<string, HostDirectory>();
  private readonly forget = observe(Metric.FactsHosts, () => this.hosts.size);
  private follower: Follower | undefined;

  /** Resolves when all facts that are there have been read. */
  static async open(config: BusConfig): Promise<KafkaDirectories> {
    const directories = new KafkaDirectories();
    directories.follower = await followTopic(config, 'facts', ({ records }) => {
      for (const record of records) directories.learn(record);
      return Promise.resolve();
    });
    return directories;
  }

  directoryOf(hostKey: string): HostDirectory | undefined {
    return this.hosts.get(hostKey);
  }

  get size(): number {
    return this.hosts.size;
  }

  async close(): Promise<void> {
    this.forget();
    await this.follower?.close();
  }

  private learn({ key, value, offset }: BusRecord): void {
    try {
      const before = this.hosts.get(key);
      this.hosts.delete(key);
      this.hosts.set(key, directoryOf(fromBinary(event.HostFactsSchema, value), before));
    } catch (error) {
      // Ingest has parsed it before; a record that does not parse must not stop the others.
      this.logger.warn({ code: 'facts_malformed', key, offset }, messageOf(error));
    }
    if (this.hosts.size <= hostsMax) return;
    this.hosts.delete(this.hosts.keys().next().value ?? '');
    count(Metric.FactsEvicted);
  }
}
