// How often the rules of a policy fired in the last days.
import { messageOf } from '@norn/base';
import { Injectable } from '@nestjs/common';
import type { TenantQueryParts } from '@norn/store';
import { createLogger } from '@norn/telemetry';
import { Telemetry } from '../model/telemetry.port.ts';
import type { Firings } from '../views/policy-rule-view.ts';

const DAYS = 7;
const RULES_MAX = 1_000;

interface FiringRow {
  readonly rule: string;
  readonly fired: number | string;
  readonly denied: number | string;
}

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

/** Hosts tell of what they denied as reflexes do. */
function firingsQuery(prefix: string): TenantQueryParts {
  return {
    select: [
      'substring(rule_id, length({prefix:String}) + 1) AS rule',
      "uniqExact(id) AS fired, uniqExactIf(id, source = 'reflex') AS denied",
    ],
    from: 'findings',
    where: ['time >= now64() - toIntervalDay({days:UInt32})', 'startsWith(rule_id, {prefix:String})'],
    parameters: { prefix, days: DAYS },
    groupBy: ['rule'],
    orderBy: ['rule'],
    limit: RULES_MAX,
  };
}
