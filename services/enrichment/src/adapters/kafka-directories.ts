// The hosts' directories out of the compacted topic of facts: read to its end at the start, followed from then on.
import { messageOf } from '@norn/base';
import { type StageBusConfig, type BusRecord, type Follower, followTopic } from '@norn/bus';
import type { HostDirectory } from '@norn/enrichers';
import { Metric, createLogger, observe } from '@norn/telemetry';
import { HostDirectories } from '../host-directories.ts';
import type { Directories } from '../ports/directories.ts';

export class KafkaDirectories implements Directories {
  private readonly logger = createLogger('enrichment');
  private readonly hosts = new HostDirectories();
  private readonly forget = observe(Metric.FactsHosts, () => this.hosts.size);
  private follower: Follower | undefined;

  /** Resolves when all facts that are there have been read. */
  static async open(config: StageBusConfig): Promise<KafkaDirectories> {
    const directories = new KafkaDirectories();
    directories.follower = await followTopic(config, 'facts', ({ records }) => {
      for (const record of records) directories.learn(record);
      return Promise.resolve();
    });
    return directories;
  }

  directoryOf(hostKey: string): HostDirectory | undefined {
    return this.hosts.directoryOf(hostKey);
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
      this.hosts.learn(key, value);
    } catch (error) {
      // Ingest has parsed it before; a record that does not parse must not stop the others.
      this.logger.warn({ code: 'facts_malformed', key, offset }, messageOf(error));
    }
  }
}
