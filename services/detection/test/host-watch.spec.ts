// A host that is missing: from the look at the control plane to the alert, over topics in memory.
import { fromBinary } from '@bufbuild/protobuf';
import type { BusRecord, OutRecord } from '@norn/bus';
import { finding } from '@norn/contracts';
import { CorrelationSet, readRules } from '@norn/rules';
import { noBroughtRules } from '../src/ports/brought-rules.port.ts';
import type { HostTrouble } from '../src/ports/host-troubles.port.ts';
import { FindingRates } from '../src/rates/finding-rates.ts';
import { TenantAlerts } from '../src/tenants/tenant-alerts.ts';
import { TenantCorrelations } from '../src/tenants/tenant-correlations.ts';
import { TenantDetector } from '../src/tenants/tenant-detector.ts';
import { createTenantPipeline } from '../src/tenants/tenant.pipeline.ts';
import { HostWatch } from '../src/watch/host-watch.ts';

const windowUs = 600_000_000n;
const atMs = Date.parse('2026-12-01T10:00:30Z');

/** The watch and what reads the log after it. */
class Installation {
  readonly written: Record<string, OutRecord[]> = { occurrences: [], findings: [], alerts: [], deadLetter: [] };
  /** What the control plane would say. */
  missing: HostTrouble[] = [];
  nowMs = atMs;
  failing = false;
  private read = 0;
  private readonly outputs = {
    send: (output: string, records: readonly OutRecord[]) => {
      if (this.failing) return Promise.reject(new Error('The broker is away'));
      this.written[output]!.push(...records);
      return Promise.resolve();
    },
  };
  readonly watch = new HostWatch({
    outputs: this.outputs,
    nowMs: () => this.nowMs,
    troubles: {
      find: () => Promise.resolve(this.missing),
      told: (troubles) => {
        this.missing = this.missing.filter((each) => !troubles.includes(each));
        return Promise.resolve();
      },
    },
  });
  private tenant = this.start();

  private start(): TenantDetector {
    const none = new CorrelationSet(readRules([]));
    const parts = {
      correlations: new TenantCorrelations(none, noBroughtRules, 5_000),
      alerts: new TenantAlerts(windowUs),
      rates: new FindingRates(),
    };
    return new TenantDetector({
      ...parts,
      outputs: this.outputs,
      proveAlert: (alert) => alert,
      pipeline: createTenantPipeline(parts),
      history: { read: (_, next, take) => take(this.log(0, next)) },
      partitionOf: () => 0,
    });
  }

  /** A look, and what is in the log is judged. */
  async look(): Promise<void> {
    await this.watch.look();
    const records = this.log(this.read);
    this.read += records.length;
    await this.tenant.handle({ records });
  }

  async restart(): Promise<void> {
    this.tenant = this.start();
    await this.tenant.prepare(0, this.read);
  }

  get alerts(): finding.Alert[] {
    return this.written['alerts']!.map(({ value }) => fromBinary(finding.AlertSchema, value));
  }

  private log(first: number, next = Infinity): BusRecord[] {
    const all = this.written['occurrences']!.slice(first, next);
    return all.map((record, at) => ({ ...record, topic: 'occurrences', partition: 0, offset: first + at }));
  }
}

const missing = (hostId: string, changed: Partial<HostTrouble> = {}): HostTrouble => ({
  tenantId: 'acme',
  hostId,
  hostName: `${hostId}.example`,
  kind: 'silent',
  since: '2026-12-01T10:00:12.345678Z',
  ...changed,
});

describe('a host that is missing', () => {
  it('is an alert with its name and the time, by the id of the trouble alone', async () => {
    const on = new Installation();
    on.missing = [missing('web-1')];
    await on.look();
    expect(on.alerts).toMatchObject([
      {
        tenantId: 'acme',
        hostId: 'web-1',
        title: 'Host fell silent',
        severity: finding.Severity.HIGH,
        findings: [{ ruleId: 'norn.host_silent', techniques: ['T1562.001'], hostIds: ['web-1'] }],
      },
    ]);
    expect(on.alerts[0]?.summary).toMatch(/^Nothing was heard from web-1\.example since 10:00:12 UTC/);
    expect(await alertOf(missing('web-1'), { nowMs: atMs + 5_000 })).toBe(on.alerts[0]?.id);
    expect(await alertOf(missing('web-1', { since: '2026-12-01T10:00:12.345679Z' }))).not.toBe(on.alerts[0]?.id);
  });

  it('is told of once, also when two look, and when what was told is read back', async () => {
    const on = new Installation();
    on.missing = [missing('web-1')];
    await on.look();
    on.missing = [missing('web-1')];
    await on.look();
    await on.restart();
    on.missing = [missing('web-1')];
    await on.look();
    expect(on.alerts).toHaveLength(1);
  });

  it('is told of at the next look when the broker was away', async () => {
    const on = new Installation();
    on.missing = [missing('web-1')];
    on.failing = true;
    await expect(on.look()).rejects.toThrow('The broker is away');
    on.failing = false;
    await on.look();
    expect(on.alerts).toHaveLength(1);
  });
});

it('many hosts that fall silent together are one alert, which grows; another tenant has its own', async () => {
  const on = new Installation();
  on.missing = [...Array(30).keys()].map((at) => missing(`web-${at}`));
  on.missing.push(missing('db-1', { tenantId: 'other' }));
  await on.look();
  on.missing = [missing('web-99')];
  await on.look();
  const newest = new Map(on.alerts.map((alert) => [alert.id, alert]));
  const counts = [...newest.values()].map(({ tenantId, findingsTotal }) => [tenantId, findingsTotal]);
  expect(counts).toEqual([
    ['acme', 31],
    ['other', 1],
  ]);
});

describe('an agent that is stopped again', () => {
  const stop = (since: string, hostId = 'web-1') => missing(hostId, { kind: 'stopped', since: `2026-12-01T${since}Z` });
  const first = stop('10:00:12.345678');

  async function after(...later: HostTrouble[]): Promise<Installation> {
    const on = new Installation();
    for (const each of [first, ...later]) {
      on.missing = [each];
      on.nowMs = Date.parse(each.since) + 18_000;
      await on.look();
    }
    return on;
  }

  it('shows on the alert that is there, with how often and when last', async () => {
    const { alerts } = await after(stop('10:05:40.000001'));
    const [before, again] = alerts;
    expect(alerts).toHaveLength(2);
    expect(before?.summary).toMatch(
      /^The agent on web-1\.example was stopped in order by 10:00:12 UTC, .*maintenance\)$/,
    );
    expect(again?.summary).toBe(`${before?.summary}; 2 times, last at 10:05:40 UTC`);
    expect(again).toMatchObject({ id: before?.id, version: 2, findingsTotal: 2 });
    expect(again!.updatedAtUs).toBeGreaterThan(before!.updatedAtUs);
  });

  it('names the last host when there are more', async () => {
    const { alerts } = await after(stop('10:05:40.000001'), stop('10:06:00.000001', 'web-2'));
    expect(alerts.at(-1)?.summary).toMatch(/; 3 times on 2 hosts, last on web-2\.example at 10:06:00 UTC$/);
  });

  it('is another alert when the first began more than a window ago', async () => {
    const { alerts } = await after(stop('10:11:00.000001'));
    expect(new Set(alerts.map(({ id }) => id)).size).toBe(2);
    expect(alerts[1]?.summary).toMatch(/ by 10:11:00 UTC, .*maintenance\)$/);
  });
});

it('of very many troubles an alert says that there are at least so many', async () => {
  const on = new Installation();
  on.missing = [...Array(130).keys()].map((at) => missing(`web-${at}`));
  await on.look();
  expect(on.alerts.at(-1)).toMatchObject({
    findingsTotal: 130,
    summary: expect.stringMatching(/; at least 100 times on 100 hosts, last on web-0\.example at 10:00:12 UTC$/),
  });
});

it('a host without protection is another alert than one that is silent or whose agent was started again', async () => {
  const on = new Installation();
  on.missing = [
    missing('web-1'),
    missing('web-2', { kind: 'unprotected' }),
    missing('web-3', { kind: 'ended' }),
    missing('web-4', { kind: 'replaced' }),
    missing('web-5', { kind: 'stopped' }),
    missing('web-6', { kind: 'refused' }),
  ];
  await on.look();
  expect(on.alerts.map(({ title, hostId }) => [title, hostId])).toEqual([
    ['Host fell silent', 'web-1'],
    ['Host without protection', 'web-2'],
    ['Agent ended and was started again', 'web-3'],
    ['Another agent speaks for a host', 'web-4'],
    ['Agent was stopped', 'web-5'],
    ['Stop of an agent refused', 'web-6'],
  ]);
});

async function alertOf(trouble: HostTrouble, { nowMs = atMs } = {}): Promise<string | undefined> {
  const on = new Installation();
  on.nowMs = nowMs;
  on.missing = [trouble];
  await on.look();
  return on.alerts[0]?.id;
}
