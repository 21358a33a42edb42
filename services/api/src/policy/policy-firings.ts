// How often the rules of a policy fired in the last days.
import { messageOf } from '@norn/base';
import { Injectable } from '@nestjs/common';
import { createLogger } from '@norn/telemetry';
import { Telemetry } from '../model/telemetry.port.ts';
import { type FiringRow, firingsQuery } from './policy.queries.ts';
import type { Firings } from './policy-rules.view.ts';

@Injectable()
export class PolicyFirings {
  private readonly log = createLogger('api');

  constructor(private readonly telemetry: Telemetry) {}

  /** Undefined when stored findings can not be read just now. */
  async of(tenantId: string, policy: string): Promise<Firings | undefined> {
    try {
      const rows = await this.telemetry.rows<FiringRow>(tenantId, firingsQuery(`policy.${policy}.`));
      return new Map(rows.map(({ rule, fired, denied }) => [rule, { fired: Number(fired), denied: Number(denied) }]));
    } catch (error) {
      this.log.warn({ error: messageOf(error) }, 'how often rules of the policy fired could not be read');
      return undefined;
    }
  }
}
