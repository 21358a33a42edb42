// What rules did in the last hour: what they cost, as the stage that judges wrote it down, and what they found of the tenant.
import { Injectable } from '@nestjs/common';
import { messageOf } from '@norn/base';
import { type RuleCostRow, ruleCosts } from '@norn/store';
import { createLogger } from '@norn/telemetry';
import { DataSource } from 'typeorm';
import { Telemetry } from '../model/telemetry.port.ts';
import { type FoundRow, foundQuery } from './rules.queries.ts';

/** A rule is meant to cost at most this many µs over 1,000 events, as a mean. */
const BUDGET_US = 500;
const HOUR_MS = 3_600_000;

export interface RuleFigures {
  /** Mean over the events it was asked about; 0 when it was not looked at. */
  usPer1000Events(origin: 'norn' | 'imported', ruleId: string): number;
  isOverBudget(us: number): boolean;
  findingsOf(ruleId: string): number;
  readonly findingsUnavailable: boolean;
}

@Injectable()
export class RuleFigureReader {
  private readonly log = createLogger('api');

  constructor(
    private readonly database: DataSource,
    private readonly telemetry: Telemetry,
  ) {}

  async of(tenantId: string): Promise<RuleFigures> {
    const [costs, found] = await Promise.all([ruleCosts(this.database, tenantId), this.found(tenantId)]);
    const byRule = new Map(
      costs.map((row) => [`${row.tenantId === '' ? 'norn' : 'imported'} ${row.ruleId}`, usOf(row)]),
    );
    const findings = new Map((found ?? []).map((row) => [row.ruleId, Number(row.findings)]));
    return {
      usPer1000Events: (origin, ruleId) => byRule.get(`${origin} ${ruleId}`) ?? 0,
      isOverBudget: (us) => us > BUDGET_US,
      findingsOf: (ruleId) => findings.get(ruleId) ?? 0,
      findingsUnavailable: found === undefined,
    };
  }

  /** Undefined when they can not be read: the rules are shown all the same. */
  private async found(tenantId: string): Promise<FoundRow[] | undefined> {
    try {
      return await this.telemetry.rows<FoundRow>(tenantId, foundQuery(Date.now() - HOUR_MS));
    } catch (error) {
      this.log.warn({ error: messageOf(error) }, 'findings of rules could not be counted');
      return undefined;
    }
  }
}

/** Nanoseconds an event are microseconds for a thousand. */
function usOf({ ns, events }: RuleCostRow): number {
  return events === 0 ? 0 : ns / events;
}
