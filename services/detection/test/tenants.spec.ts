// What is counted over all hosts of a tenant: batches of many hosts in, one finding and one alert out, whatever the order they come in.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { BusRecord, OutRecord } from '@norn/bus';
import { event, finding, occurrence } from '@norn/contracts';
import { CorrelationSet, RuleEngine, readRules } from '@norn/rules';
import { AlertBook } from '../src/alerts/alert-book.ts';
import { Correlations } from '../src/correlations/correlations.ts';
import { createDetectionPipeline, createRecallPipeline } from '../src/detection.pipeline.ts';
import { Detector } from '../src/detector.ts';
import { limits } from '../src/limits.ts';
import { noBroughtRules } from '../src/ports/brought-rules.port.ts';
import { FindingRates } from '../src/rates/finding-rates.ts';
import { TenantAlerts } from '../src/tenants/tenant-alerts.ts';
import { TenantClock } from '../src/tenants/tenant-clock.ts';
import { TenantCorrelations } from '../src/tenants/tenant-correlations.ts';
import { TenantDetector } from '../src/tenants/tenant-detector.ts';
import { createTenantPipeline } from '../src/tenants/tenant.pipeline.ts';
import { batchRecord, process, startUs } from './simulated-host.ts';

const text = `
title: The same tool on three hosts
id: 00000000-0000-4000-8000-0000000000c1
level: high
correlation:
  type: value_count
  rules: tool_ran
  group-by: [UserId]
  timespan: 10m
  condition: { field: host, gte: 3 }
summary: '{count} hosts'
---
title: Tool ran
name: tool_ran
logsource: { category: process_creation }
detection: { a: { Image|endswith: /tool }, condition: a }
`;
const ruleSet = readRules([{ name: 'test.yml', text }]);
const set = new CorrelationSet(ruleSet);
const engine = new RuleEngine(ruleSet.rules);
const holdBackMs = 5_000;
const startMs = startUs / 1000;

/** The stage with both its sides over topics in memory. A new one over the same topics stands for a restart. */
class Installation {
  readonly lineage: BusRecord[] = [];
  readonly written: Record<string, OutRecord[]> = { occurrences: [], findings: [], alerts: [], deadLetter: [] };
  nowMs = startMs;
  private taken = 0;
  private stage = this.start();

  private start() {
    const outputs = {
      send: (output: string, records: readonly OutRecord[]) => {
        this.written[output]!.push(...records);
        return Promise.resolve();
      },
    };
    const judged = { engine, correlations: new Correlations(set, 500), rates: new FindingRates() };
    const book = new AlertBook(600_000_000n);
    const correlations = new TenantCorrelations(set, noBroughtRules, holdBackMs);
    const tenantParts = { correlations, alerts: new TenantAlerts(600_000_000n), rates: new FindingRates() };
    const history = (_: number, next: number, take: (records: readonly BusRecord[]) => Promise<void>) =>
      take(this.occurrences(0, next));
    return {
      book,
      host: new Detector({
        ...judged,
        book,
        outputs,
        proveAlert: (alert) => alert,
        pipeline: createDetectionPipeline({ ...judged, book }),
        recall: createRecallPipeline(judged),
        history: {
          read: (_, take) => {
            for (const { value } of this.written['alerts']!) take(fromBinary(finding.AlertSchema, value));
            return Promise.resolve();
          },
        },
        batches: { read: (_partition, _next, take) => take(this.lineage) },
        partitionOf: () => 0,
        nowMs: () => this.nowMs,
      }),
      tenant: new TenantDetector({
        ...tenantParts,
        outputs,
        proveAlert: (alert) => alert,
        pipeline: createTenantPipeline(tenantParts),
        history: { read: history },
        partitionOf: () => 0,
      }),
      clock: new TenantClock({
        correlations,
        outputs,
        nowMs: () => this.nowMs,
        progress: { ends: () => Promise.resolve(new Map([[0, 5]])), read: () => Promise.resolve(new Map([[0, 5]])) },
      }),
    };
  }

  async deliver(...records: BusRecord[]): Promise<void> {
    this.lineage.push(...records);
    await this.stage.host.handle({ topic: 'lineage', partition: 0, records, endOffset: 0 });
    await this.count();
  }

  /** Some time passes, and the clock says so. */
  async wait(ms: number): Promise<void> {
    this.nowMs += ms;
    await this.stage.clock.tick();
    await this.count();
  }

  async restart(): Promise<void> {
    this.stage = this.start();
    await this.stage.host.prepare(0, Infinity);
    await this.stage.tenant.prepare(0, this.taken);
  }

  async count(): Promise<void> {
    const records = this.occurrences(this.taken);
    this.taken = this.written['occurrences']!.length;
    await this.stage.tenant.handle({ records });
  }

  get hostsWithAlerts(): number {
    return this.stage.book.hostCount;
  }

  get findings(): finding.Finding[] {
    return this.written['findings']!.map(({ value }) => fromBinary(finding.FindingSchema, value));
  }

  get alerts(): finding.Alert[] {
    return this.written['alerts']!.map(({ value }) => fromBinary(finding.AlertSchema, value));
  }

  private occurrences(first: number, next = Infinity): BusRecord[] {
    return this.written['occurrences']!.slice(first, next).map((record, at) => ({
      ...record,
      topic: 'occurrences',
      partition: 0,
      offset: first + at,
    }));
  }
}

let seq = 0;
const tool = (host: string) => process(`tool${host}`, undefined, { imagePath: '/opt/tool', userId: 7 });

/** The tool starts on a host, so much after the beginning. */
function started(host: string, afterMs: number, tenant = 'acme'): BusRecord {
  const rows = [{ kind: event.EventKind.EXEC, by: tool(host), afterMs }];
  return batchRecord({ seq: ++seq, rows }, `${tenant}:${host}`);
}

async function run(records: readonly BusRecord[], between: (at: number, on: Installation) => Promise<void>) {
  const on = new Installation();
  for (const [at, record] of records.entries()) {
    await on.deliver(record);
    await between(at, on);
  }
  await on.wait(60_000);
  return on;
}

const quietly = () => Promise.resolve();
const told = ({ findings, alerts }: Installation) => ({
  findings: [...new Map(findings.map((each) => [each.id, each])).values()],
  alerts: [...new Map(alerts.map((each) => [each.id, each])).values()],
});

/** Of a seed always the same. */
function shuffled<Item>(items: readonly Item[], seed: number): Item[] {
  let state = seed;
  const next = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  return items
    .map((item) => ({ item, key: next() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}

describe('a correlation over all hosts of a tenant', () => {
  it('is one finding and one alert, which stands with the host of the last event and names all of them', async () => {
    const on = await run([started('a', 0), started('b', 1_000), started('c', 2_000)], quietly);
    expect(on.findings).toEqual([
      expect.objectContaining({
        title: 'The same tool on three hosts',
        tenantId: 'acme',
        hostId: 'c',
        hostIds: ['a', 'b', 'c'],
        summary: '3 hosts',
        timeUs: BigInt(startUs + 2_000_000),
      }),
    ]);
    expect(on.alerts).toEqual([
      expect.objectContaining({ hostId: 'c', version: 1, severity: finding.Severity.HIGH, processName: '/opt/tool' }),
    ]);
    expect(on.written['alerts']!.map(({ key }) => key)).toEqual(['acme:c']);
  });

  it('counts neither the same host again nor hosts of another tenant', async () => {
    const records = [started('a', 0), started('a', 9), started('b', 20), started('c', 30, 'other')];
    expect((await run(records, quietly)).findings).toEqual([]);
  });

  it('is the same in any order, with batches that come twice, and with restarts in between', async () => {
    const records = Array.from({ length: 12 }, (_, at) => started(`h${at % 4}`, at * 300));
    const expected = told(await run(records, quietly));
    expect(expected.findings.length).toBeGreaterThan(1);
    for (let seed = 1; seed <= 12; seed += 1) {
      const arrivals = shuffled([...records, ...shuffled(records, seed).slice(0, 5)], seed + 99);
      const restarts = (at: number, on: Installation) => (at % seed === 0 ? on.restart() : Promise.resolve());
      expect(told(await run(arrivals, restarts))).toEqual(expected);
    }
  });

  it('says nothing again when the clock goes on after a restart', async () => {
    const on = await run([started('a', 0), started('b', 1_000), started('c', 2_000)], quietly);
    await on.restart();
    await on.deliver(started('a', 70_000));
    await on.wait(60_000);
    expect(on.findings).toHaveLength(1);
    // The host that the alert stands with does not take it for its own.
    expect(on.hostsWithAlerts).toBe(0);
  });

  it('goes on with its alert within the window', async () => {
    const first = ['a', 'b', 'c'].map((host, at) => started(host, at));
    const second = ['a', 'b', 'c'].map((host, at) => started(host, 10_000 + at));
    const on = await run([...first, ...second], quietly);
    expect(on.alerts.map(({ version, findingsTotal }) => [version, findingsTotal])).toEqual([[2, 2]]);
    expect(on.findings).toHaveLength(2);
  });

  it('does without one of a hundred events', async () => {
    const records = Array.from({ length: 300 }, (_, at) => started(`h${at % 50}`, at * 20));
    const kept = records.filter((_, at) => at % 100 !== 17);
    const titles = async (some: readonly BusRecord[]) =>
      told(await run(some, quietly)).alerts.map(({ title }) => title);
    expect(await titles(kept)).toEqual(await titles(records));
  });

  it('waits for no host that is silent, and does not count what comes when its time is over', async () => {
    const on = new Installation();
    await on.deliver(started('a', 0), started('b', 10));
    await on.wait(20_000);
    await on.deliver(started('c', 20));
    await on.wait(20_000);
    expect(on.findings).toEqual([]);
    await on.deliver(started('d', 40_000));
    await on.wait(20_000);
    expect(on.findings.map(({ hostIds }) => hostIds)).toEqual([['a', 'b', 'd']]);
  });

  it('takes an event of a clock that runs ahead for one of when it was told, and no other host has to wait for it', async () => {
    const on = new Installation();
    await on.deliver(started('fast', 3_600_000), started('a', 0), started('b', 1_000));
    await on.wait(10_000);
    expect(on.findings.map(({ hostIds }) => [...hostIds].sort())).toEqual([['a', 'b', 'fast']]);
  });

  it('says what is known to be lost of any of the hosts', async () => {
    const gap = batchRecord(
      { seq: ++seq, rows: [{ kind: event.EventKind.GAP, by: tool('q'), afterMs: 1_500, value: 40n, result: 1_000 }] },
      'acme:quiet',
    );
    const on = await run([started('a', 0), started('b', 1_000), gap, started('c', 2_000)], quietly);
    const evidence = on.findings[0]!.evidence.map(({ field, value }) => [field, value]);
    expect(evidence).toContainEqual(['events.lost', '40']);
  });

  it('is dead-lettered with its code when its record does not parse, and the stream goes on', async () => {
    const on = new Installation();
    on.written['occurrences']!.push({ key: 'acme', value: Uint8Array.of(255, 255), headers: {} });
    await on.count();
    await on.deliver(started('a', 0), started('b', 1), started('c', 2));
    await on.wait(60_000);
    expect(on.written['deadLetter']!.map(({ headers }) => headers['code'])).toEqual(['occurrence_malformed']);
    expect(on.findings).toHaveLength(1);
  });

  it('has a bound for what waits, for what a batch says and for tenants', async () => {
    const rows = Array.from({ length: 400 }, (_, at) => ({ kind: event.EventKind.EXEC, by: tool('a'), afterMs: at }));
    const on = new Installation();
    await on.deliver(batchRecord({ seq: ++seq, rows }, 'acme:a'));
    expect(on.written['occurrences']).toHaveLength(limits.tenants.recordsPerBatchMax);
    const correlations = new TenantCorrelations(set, noBroughtRules, holdBackMs);
    const gapOnly = create(occurrence.TenantRecordSchema, {});
    for (let at = 0; at <= limits.tenants.tenantsMax; at += 1) correlations.take(`t${at}`, gapOnly);
    expect(correlations.tenantCount).toBe(limits.tenants.tenantsMax);
    expect(toBinary(occurrence.TenantRecordSchema, gapOnly)).toHaveLength(0);
  });
});

describe('the clock of tenants', () => {
  const due = { dueAt: (ms: number) => (ms >= 100 ? ['acme'] : []) };

  it('says nothing while the stage is behind, and then how far everything had been heard', async () => {
    const sent: OutRecord[] = [];
    let read = 0;
    let nowMs = 1_000;
    const clock = new TenantClock({
      correlations: due,
      nowMs: () => nowMs,
      outputs: { send: (_, records) => Promise.resolve(void sent.push(...records)) },
      progress: {
        ends: () => Promise.resolve(new Map([[0, 7]])),
        read: () => Promise.resolve(new Map([[0, read]])),
      },
    });
    await clock.tick();
    nowMs = 9_000;
    await clock.tick();
    expect(sent).toEqual([]);
    read = 7;
    await clock.tick();
    const [{ key, value }] = sent as [OutRecord];
    expect([key, fromBinary(occurrence.TenantRecordSchema, value).what]).toEqual([
      'acme',
      { case: 'heardUntilUs', value: 1_000_000n },
    ]);
  });

  it('asks Kafka nothing as long as nothing waits', async () => {
    const ends = jest.fn();
    const parts = { nowMs: () => 50, outputs: { send: ends }, progress: { ends, read: ends } };
    await new TenantClock({ correlations: due, ...parts }).tick();
    expect(ends).not.toHaveBeenCalled();
  });
});
