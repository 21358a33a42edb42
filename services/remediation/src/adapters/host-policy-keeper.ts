// Keeps the policies that hosts hold up to date: what changed beside the api (a host enrolled, got another name) is found here.
import { messageOf } from '@norn/base';
import { type HostPolicySigner, hostPoliciesMark, reissueHostPolicies, resendHostPolicies } from '@norn/store';
import { type Logger, Metric, count } from '@norn/telemetry';
import type { DataSource } from 'typeorm';

export class HostPolicyKeeper {
  private mark: string | undefined;

  constructor(
    private readonly source: DataSource,
    private readonly signer: HostPolicySigner,
    private readonly logger: Logger,
  ) {}

  /** At the first call all are sent again, for the topic may have been made anew, and signed again where the key has been. */
  async keep(): Promise<void> {
    if (this.mark === undefined) await resendHostPolicies(this.source);
    const mark = await hostPoliciesMark(this.source);
    if (mark === this.mark) return;
    await reissueHostPolicies(this.source, this.signer, (tenant, error) => {
      count(Metric.HostPoliciesUnmade);
      this.logger.error({ code: 'host_policy_unmade', tenant, err: error }, messageOf(error));
    });
    this.mark = mark;
  }
}
