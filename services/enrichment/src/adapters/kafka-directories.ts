// The hosts' directories out of the compacted topic of facts: read to its end at the start, followed from then on.
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { messageOf } from '@norn/base';
import { type StageBusConfig, type BusRecord, type Follower, followTopic } from '@norn/bus';
import type { HostDirectory } from '@norn/enrichers';
import { type HealthReport, type ReportsHealth, STAGE_CONFIG } from '@norn/stage';
import { Metric, createLogger, observe } from '@norn/telemetry';
import { HostDirectories } from '../host-directories.ts';
import type { Directories } from '../ports/directories.ts';

@Injectable()
export class KafkaDirectories implements Directories, ReportsHealth, OnModuleInit, OnApplicationShutdown {
  private readonly logger = createLogger('enrichment');
  private readonly hosts = new HostDirectories();
  private readonly forget = observe(Metric.FactsHosts, () => this.hosts.size);
  private follower: Follower | undefined;

  constructor(@Inject(STAGE_CONFIG) private readonly config: StageBusConfig) {}

  /** Resolves when all facts that are there have been read, so the first batch finds them. */
  async onModuleInit(): Promise<void> {
    this.follower = await followTopic(this.config, 'facts', ({ records }) => {
      for (const record of records) this.learn(record);
      return Promise.resolve();
    });
  }

  directoryOf(hostKey: string): HostDirectory | undefined {
    return this.hosts.directoryOf(hostKey);
  }

  health(): HealthReport {
    return { healthy: true, details: { hosts: this.hosts.size } };
  }

  async onApplicationShutdown(): Promise<void> {
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
