// Asks Kafka where the lineage topic ends and what the stage has committed.
import { type BusConfig, committedOffsets, offsetRanges } from '@norn/bus';
import type { LineageProgress } from '../ports/lineage-progress.port.ts';

export class KafkaLineageProgress implements LineageProgress {
  constructor(
    private readonly config: BusConfig,
    private readonly groupId: string,
  ) {}

  async ends(): Promise<ReadonlyMap<number, number>> {
    const ranges = await offsetRanges(this.config, 'lineage');
    return new Map(ranges.filter(({ first, end }) => end > first).map(({ partition, end }) => [partition, end]));
  }

  read(): Promise<ReadonlyMap<number, number>> {
    return committedOffsets(this.config, 'lineage', this.groupId);
  }
}
