// The policies topic, read by every instance on its own from its beginning; it is compacted, so that is one record a tenant and a few more.
import { fromBinary } from '@bufbuild/protobuf';
import { type StageBusConfig, type BusRecord, type Follower, followTopic } from '@norn/bus';
import { policy } from '@norn/contracts';
import { signedPolicyBytesMax } from '@norn/response';
import { type Logger, Metric, count } from '@norn/telemetry';
import type { PolicyFeed, TenantPolicy } from '../ports/policy-feed.ts';

export class KafkaPolicies implements PolicyFeed {
  private follower: Follower | undefined;

  constructor(
    private readonly config: StageBusConfig,
    private readonly logger: Logger,
  ) {}

  async start(tell: (policy: TenantPolicy) => void): Promise<void> {
    this.follower = await followTopic(this.config, 'policies', ({ records }) => {
      for (const record of records) this.pass(record, tell);
      return Promise.resolve();
    });
  }

  async close(): Promise<void> {
    await this.follower?.close();
  }

  /** The topic is ours: what is no policy is a defect to be seen in the log. */
  private pass(record: BusRecord, tell: (policy: TenantPolicy) => void): void {
    try {
      if (record.value.byteLength > signedPolicyBytesMax) throw new RangeError(`${record.value.byteLength} bytes`);
      // A copy: what is held for long must not hold the whole fetch.
      tell({ tenantId: record.key, signed: fromBinary(policy.SignedPolicySchema, Uint8Array.from(record.value)) });
    } catch (error) {
      count(Metric.IngestPoliciesDiscarded);
      this.logger.error({ code: 'policy_malformed', err: error, offset: record.offset }, 'Not a SignedPolicy');
    }
  }
}
