// Reads stored events for rules: a tenant's hunts in turn, and what ClickHouse refuses in words of the rule.
import { Injectable } from '@nestjs/common';
import { type Rule, compileHunt, kernelColumns } from '@norn/rules';
import type { Reading, TenantQueryParts } from '@norn/store';
import { Telemetry } from '../telemetry.port.ts';
import { huntProblem } from './hunt-problems.ts';
import { HuntTurns } from './hunt-turns.ts';
import { type CountRow, type HuntWindow, countQuery } from './hunting.queries.ts';

@Injectable()
export class HuntReader {
  private readonly turns = new HuntTurns();

  constructor(private readonly telemetry: Telemetry) {}

  /** Throws `hunts_exhausted`, and what `work` throws. */
  inTurn<Result>(tenantId: string, work: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    return this.turns.take(tenantId, work, signal);
  }

  /** Throws `rule_invalid`, `hunt_too_large`, `telemetry_unavailable`. */
  async read<Row>(tenantId: string, query: TenantQueryParts, reading: Reading): Promise<Row[]> {
    try {
      return await this.telemetry.rows<Row>(tenantId, query, reading);
    } catch (error) {
      throw huntProblem(error);
    }
  }

  /** How many events of that time the rules find, each event once for each rule. Throws as the others do. */
  async count(tenantId: string, rules: readonly Rule[], window: HuntWindow, signal?: AbortSignal): Promise<number> {
    const hunts = rules.map((rule) => compileHunt(rule, kernelColumns));
    const count = async (): Promise<number> => {
      let events = 0;
      for (const hunt of hunts) {
        const [row] = await this.read<CountRow>(tenantId, countQuery(hunt, window), { signal });
        events += Number(row?.events ?? 0);
      }
      return events;
    };
    return this.inTurn(tenantId, count, signal);
  }
}
