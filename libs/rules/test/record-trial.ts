// For tests: the same events before the engine and before a real ClickHouse, and where the two do not agree.
import type { ClickHouseClient } from '@clickhouse/client';
import { Engine, type EngineOptions } from '../src/engine/engine.ts';
import { RecordBatch, recordLayout, type EventRecord } from '../src/records/record-batch.ts';
import type { Rule } from '../src/sigma/rule.ts';
import { compileHunt } from '../src/hunt/compile-hunt.ts';
import { recordColumns, recordColumnType, recordRow } from '../src/hunt/record-columns.ts';

const layout = recordColumns('fields');

export interface Verdicts {
  /** Positions of the events that each finds. */
  readonly engine: readonly number[];
  readonly history: readonly number[];
}

export class RecordTrial {
  private sets = 0;

  private constructor(private readonly client: ClickHouseClient) {}

  static async open(client: ClickHouseClient): Promise<RecordTrial> {
    const columns = `set UInt32, at UInt32, fields ${recordColumnType}`;
    await client.command({ query: `CREATE TABLE records (${columns}) ENGINE = MergeTree ORDER BY (set, at)` });
    return new RecordTrial(client);
  }

  /** Stores sets of events; returns the number of the first. */
  async store(sets: readonly (readonly EventRecord[])[]): Promise<number> {
    const first = this.sets;
    this.sets += sets.length;
    const values = sets.flatMap((events, set) =>
      events.map((event, at) => ({ set: first + set, at, fields: recordRow(event) })),
    );
    await this.client.insert({ table: 'records', values, format: 'JSONEachRow' });
    return first;
  }

  async verdicts(rule: Rule, set: number, events: readonly EventRecord[], options?: EngineOptions): Promise<Verdicts> {
    const { where, parameters } = compileHunt(rule, layout, options);
    const result = await this.client.query({
      query: `SELECT at FROM records WHERE set = {set:UInt32} AND (${where}) ORDER BY at`,
      query_params: { ...parameters, set },
      format: 'JSONEachRow',
    });
    const rows = await result.json<{ at: number }>();
    return { engine: engineVerdicts(rule, events, options), history: rows.map(({ at }) => at) };
  }
}

/** Events the engine is given at once: fewer than the matches it tells of. */
const batchEvents = 400;

function engineVerdicts(rule: Rule, events: readonly EventRecord[], options?: EngineOptions): number[] {
  const engine = new Engine(recordLayout(), [rule], options);
  const found: number[] = [];
  for (let from = 0; from < events.length; from += batchEvents) {
    const { matches } = engine.evaluate(new RecordBatch(events.slice(from, from + batchEvents)));
    found.push(...matches.map(({ row }) => from + row));
  }
  return found;
}
