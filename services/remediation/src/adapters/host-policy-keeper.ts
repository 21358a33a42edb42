// Keeps the policies that hosts hold up to date: what changed beside the api (a host enrolled, got another name) is found here.
import { messageOf } from '@norn/base';
import { unsignedHostPolicy } from '@norn/response';
import { hostPoliciesMark, reissueHostPolicies, resendHostPolicies } from '@norn/store';
import { type Logger, Metric, count } from '@norn/telemetry';
import type { DataSource } from 'typeorm';

export class HostPolicyKeeper {
  private mark: string | undefined;
  private keyId: string | undefined;

  constructor(
    private readonly source: DataSource,
    /** Of the key that signs what is sent. */
    private readonly keyIdNow: () => string,
    private readonly logger: Logger,
  ) {}

  /** At the first call all are sent again, for the topic may have been made anew; and by another key when that signs now. */
  async keep(): Promise<void> {
    const keyId = this.keyIdNow();
    if (keyId !== this.keyId) await resendHostPolicies(this.source);
    this.keyId = keyId;
    const mark = await hostPoliciesMark(this.source);
    if (mark === this.mark) return;
    await reissueHostPolicies(this.source, unsignedHostPolicy, (tenant, error) => {
      count(Metric.HostPoliciesUnmade);
      this.logger.error({ code: 'host_policy_unmade', tenant, err: error }, messageOf(error));
    });
    this.mark = mark;
  }
}
