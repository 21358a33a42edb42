// The commands topic, followed by every instance on its own from where it ends now.
import { fromBinary } from '@bufbuild/protobuf';
import { type StageBusConfig, type BusRecord, type Follower, followTopic, offsetRanges } from '@norn/bus';
import { action } from '@norn/contracts';
import { type Logger, Metric, count } from '@norn/telemetry';
import { commandBytesMax } from '@norn/response';
import type { AddressedCommand, CommandFeed } from '../ports/command-feed.ts';

/** A signed command is the command and some 200 bytes. */
const recordBytesMax = commandBytesMax + 4096;

export class KafkaCommands implements CommandFeed {
  private follower: Follower | undefined;

  constructor(
    private readonly config: StageBusConfig,
    private readonly logger: Logger,
  ) {}

  async start(deliver: (command: AddressedCommand) => void): Promise<void> {
    const ranges = await offsetRanges(this.config, 'commands');
    const ends = new Map(ranges.map(({ partition, end }) => [partition, end]));
    this.follower = await followTopic(this.config, 'commands', ({ records }) => {
      for (const record of records) if (record.offset >= (ends.get(record.partition) ?? 0)) this.pass(record, deliver);
      return Promise.resolve();
    });
  }

  async close(): Promise<void> {
    await this.follower?.close();
  }

  private pass(record: BusRecord, deliver: (command: AddressedCommand) => void): void {
    const command = this.read(record);
    if (command === undefined) count(Metric.IngestCommandsDiscarded);
    else deliver(command);
  }

  /** Undefined for what is no command: the topic is ours, so it is a defect to be seen in the log. */
  private read(record: BusRecord): AddressedCommand | undefined {
    const [tenantId = '', hostId = ''] = record.key.split(':');
    if (record.value.byteLength > recordBytesMax) return undefined;
    try {
      return { tenantId, hostId, signed: fromBinary(action.SignedCommandSchema, record.value) };
    } catch (error) {
      this.logger.error({ code: 'command_malformed', err: error, offset: record.offset }, 'Not a SignedCommand');
      return undefined;
    }
  }
}
