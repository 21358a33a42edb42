// Exceptions to rules, and what a rule may find in an hour: what is kept, what joins an alert, and what a restart and a replay make of it.
import { event, type finding } from '@norn/contracts';
import { CorrelationSet, type Exception, ExceptionSet, RuleEngine, parseRule } from '@norn/rules';
import { addRuleException, ensureTenant, removeRuleException } from '@norn/store';
import { Metric, metricsText } from '@norn/telemetry';
import { PostgresRuleExceptions } from '../src/adapters/postgres-rule-exceptions.ts';
import { AlertBook } from '../src/alerts/alert-book.ts';
import { Correlations } from '../src/correlations/correlations.ts';
import { createDetectionPipeline, createRecallPipeline } from '../src/detection.pipeline.ts';
import { limits } from '../src/limits.ts';
import type { RuleExceptions } from '../src/ports/rule-exceptions.port.ts';
import { FindingRates } from '../src/rates/finding-rates.ts';
import { controlPlane, until } from './control-plane.ts';
import { type SimulatedProcess, batchRecord, process, reflexFinding, startUs } from './simulated-host.ts';

const parsed = parseRule(
  'tool.yml',
  'title: Tool\nlevel: high\nlogsource: { category: process_creation }\ndetection: { a: { Image|endswith: /tool }, condition: a }\n',
);
const rule = { ...parsed, id: 'rule-1' };
const engine = new RuleEngine([rule]);
const containerId = '4f'.repeat(32);
const cron = process('cron', undefined, { containerId });
const sha256 = 'ab'.repeat(32);
const tool = process('tool', cron, { commandLine: 'tool --quietly', sha256 });
const anyPlace = { containerImage: '', hostId: '', hostGroup: '', pathPrefix: '' };
const scope = {
  process: {
    sha256,
    imagePath: '/usr/bin/tool',
    package: '',
    parentImage: '/usr/bin/cron',
    commandLine: 'tool --quietly',
  },
  place: { ...anyPlace, containerImage: 'web-1:1' },
  evidence: [],
};
const exception: Exception = {
  id: 'e1',
  ruleId: 'rule-1',
  ...scope,
  fromUs: BigInt(startUs),
  untilUs: BigInt(startUs + 60_000_000),
};

const excepting = (...exceptions: Exception[]): RuleExceptions => ({
  of: (tenantId) => (tenantId === 'default' ? new ExceptionSet(exceptions) : undefined),
  groupsOf: (tenantId, hostId) => (tenantId === 'default' && hostId === 'host-1' ? ['shop'] : []),
});

function started(exceptions: RuleExceptions, rates = new FindingRates()) {
  const correlations = new Correlations(new CorrelationSet({ rules: [rule], correlations: [] }), 500);
  const parts = { engine, correlations, exceptions, rates };
  const pipeline = createDetectionPipeline({ ...parts, book: new AlertBook(600_000_000n) });
  const recall = createRecallPipeline(parts);
  return {
    rates,
    recall: (record: Parameters<typeof recall.run>[0][number]) => recall.run([record]),
    detect: async (record: Parameters<typeof pipeline.run>[0][number]) => {
      const { ok } = await pipeline.run([record]);
      const [{ value }] = ok as [(typeof ok)[number]];
      return value;
    },
  };
}

let seq = 0;
function ran(by: readonly SimulatedProcess[], afterMs = 0, host = 'default:host-1') {
  seq += 1;
  const rows = by.map((each) => ({ kind: event.EventKind.EXEC, by: each, afterMs }));
  return batchRecord({ seq, rows, containers: { [containerId]: 'web-1' } }, host);
}

const told = (findings: readonly finding.Finding[]) => findings.map(({ exceptedBy, limited }) => exceptedBy || limited);

/** What the counter with that label stands at. */
async function counter(metric: Metric, label: string): Promise<number> {
  return Number(new RegExp(`^${metric}\\{${label}[^}]*\\} (\\d+)`, 'm').exec(await metricsText())?.[1] ?? 0);
}

describe('a finding that an exception covers', () => {
  it('is kept with the exception that covers it, and opens no alert', async () => {
    const { findings, alerts } = await started(excepting(exception)).detect(ran([tool]));
    expect(findings).toEqual([expect.objectContaining({ ruleId: 'rule-1', exceptedBy: 'e1', limited: false })]);
    expect(findings[0]?.process).toMatchObject({
      imagePath: '/usr/bin/tool',
      imageSha256: sha256,
      commandLine: 'tool --quietly',
      parentImagePath: '/usr/bin/cron',
      containerImage: 'web-1:1',
    });
    expect(alerts).toEqual([]);
  });

  it('opens none after an update, when it is the package that is excepted', async () => {
    const ofPackage = { ...scope.process, sha256: '', package: 'tools' };
    const stages = started(excepting({ ...exception, process: ofPackage }));
    const updated = { sha256: 'cd'.repeat(32), commandLine: 'tool --quietly' };
    const packaged = process('tool', cron, { ...updated, package: 'tools', packageVersion: '2' });
    const changed = process('tool', cron, updated);
    const judged = await stages.detect(ran([packaged]));
    expect([told(judged.findings), judged.alerts]).toEqual([['e1'], []]);
    expect(judged.findings[0]?.process?.package).toBe('tools');
    expect(told((await stages.detect(ran([changed], 1, 'default:host-2'))).findings)).toEqual([false]);
  });

  it('opens one in another tenant, after its time, and when anything else than it runs', async () => {
    const stages = started(excepting(exception));
    const other = process('tool', cron, { commandLine: 'tool --quietly; rm -rf /', sha256 });
    const drifted = process('tool', cron, { commandLine: 'tool --quietly', sha256: 'cd'.repeat(32) });
    for (const record of [
      ran([tool], 0, 'other:host-1'),
      ran([tool], 60_000),
      ran([other], 1, 'default:host-2'),
      ran([drifted], 1, 'default:host-3'),
    ]) {
      const { findings, alerts } = await stages.detect(record);
      expect([told(findings), alerts.length]).toEqual([[false], 1]);
    }
  });

  it('joins no alert of its lineage either', async () => {
    const stages = started(excepting(exception));
    const elsewhere = process('tool2', cron, { imagePath: '/tmp/tool', commandLine: 'tool' });
    const { alerts } = await stages.detect(ran([tool, elsewhere]));
    expect(alerts.map(({ findings }) => findings.map(({ process: found }) => found?.imagePath))).toEqual([
      ['/tmp/tool'],
    ]);
  });

  it('is counted by exception when it is judged, and not again when it is read back', async () => {
    const stages = started(excepting({ ...exception, id: 'counted' }));
    const record = ran([tool]);
    await stages.recall(record);
    expect(await counter(Metric.FindingsExcepted, 'exception="counted"')).toBe(0);
    await stages.detect(record);
    expect(await counter(Metric.FindingsExcepted, 'exception="counted"')).toBe(1);
  });

  it('of a group of hosts is for those that are in it', async () => {
    const own = excepting({ ...exception, place: { ...anyPlace, hostGroup: 'shop' } });
    const [inside, outside] = [
      await started(own).detect(ran([tool])),
      await started(own).detect(ran([tool], 0, 'default:host-2')),
    ];
    expect([told(inside.findings), inside.alerts.length]).toEqual([['e1'], 0]);
    expect([told(outside.findings), outside.alerts.length]).toEqual([[false], 1]);
  });

  it('of a reflex keeps its finding from alerts, with all that the agent did', async () => {
    const reflex = reflexFinding('a1', tool);
    const own = excepting({ ...exception, ruleId: reflex.ruleId });
    const rows = [{ kind: event.EventKind.EXIT, by: tool }];
    const containers = { [containerId]: 'web-1' };
    const { findings, alerts } = await started(own).detect(
      batchRecord({ seq: 2_000, rows, findings: [reflex], containers }),
    );
    expect([told(findings), alerts.length]).toEqual([['e1'], 0]);
    expect(findings[0]?.response).toEqual(reflex.response);
  });

  it('is not one because an agent says so', async () => {
    const reflex = { ...reflexFinding('a1', tool), exceptedBy: 'e1', limited: true };
    const own = excepting({ ...exception, ruleId: 'reflex.other' });
    const record = batchRecord({
      seq: 1_000,
      rows: [{ kind: event.EventKind.EXIT, by: tool }],
      findings: [reflex],
      containers: { [containerId]: 'web-1' },
    });
    const { findings, alerts } = await started(own).detect(record);
    expect([told(findings), alerts.length]).toEqual([[false], 1]);
  });
});

describe("a rule's share of an hour", () => {
  const max = limits.rates.findingsPerHourMax;
  const many = (count: number, from = 0): SimulatedProcess[] =>
    Array.from({ length: count }, (_, at) => process(`t${from + at}`, cron, { imagePath: '/opt/tool' }));
  const limited = (findings: readonly finding.Finding[]): number => findings.filter((each) => each.limited).length;
  /** Batches of 250. */
  async function flood(detect: (record: ReturnType<typeof ran>) => Promise<unknown>): Promise<void> {
    for (let from = 0; from < max; from += 250) await detect(ran(many(250, from)));
  }

  it('is what joins alerts; more is kept beside, on that host, in that hour', async () => {
    const { detect } = started(excepting());
    await flood(detect);
    const before = await counter(Metric.FindingsLimited, 'rule="rule-1"');
    // Of another lineage: that of the flood has an alert, which is full.
    const beyond = await detect(ran([process('tool', undefined)]));
    expect([limited(beyond.findings), beyond.findings.length, beyond.alerts]).toEqual([1, 1, []]);
    expect(await counter(Metric.FindingsLimited, 'rule="rule-1"')).toBe(before + 1);
    expect(limited((await detect(ran([tool], 0, 'default:host-2'))).findings)).toBe(0);
    expect(limited((await detect(ran([tool], 3_600_000))).findings)).toBe(0);
  });

  it('is not used up by what happens over and over', async () => {
    const { detect } = started(excepting());
    for (let again = 0; again <= max; again += 1) await detect(ran([tool]));
    expect(limited((await detect(ran(many(1)))).findings)).toBe(0);
  });

  it('is not used up by what is excepted', async () => {
    const process = { ...scope.process, imagePath: '/opt/tool', sha256: '', commandLine: '' };
    const { detect } = started(excepting({ ...exception, process }));
    await flood(detect);
    const { findings, alerts } = await detect(ran([tool]));
    expect([told(findings), alerts.length]).toEqual([[false], 1]);
  });

  it('is known again after a restart, from the batches that are read back', async () => {
    const before = started(excepting());
    const records: ReturnType<typeof ran>[] = [];
    await flood((record) => {
      records.push(record);
      return before.detect(record);
    });
    const after = started(excepting());
    for (const record of records) await after.recall(record);
    const next = ran(many(2, max));
    expect(limited((await after.detect(next)).findings)).toBe(2);
    after.rates.forget(() => true);
    expect(limited((await after.detect(next)).findings)).toBe(0);
  });
});

describe('exceptions out of PostgreSQL', () => {
  it('hold from when they were made until they are removed, for their tenant', async () => {
    await using parts = await controlPlane();
    const { store, control } = parts;
    for (const id of ['default', 'other']) await ensureTenant(store.manager, id);
    const exceptions = new PostgresRuleExceptions(control);
    try {
      await exceptions.open();
      expect(exceptions.of('default')).toBeUndefined();
      const expiresAt = new Date(Date.now() + 86_400_000);
      const added = { tenantId: 'default', actor: 'ada', ruleId: 'rule-1', scope, reason: 'ours', expiresAt };
      const { id, createdAt } = await addRuleException(store, added);
      await until(() => exceptions.of('default') !== undefined);
      const facts = (await started(excepting()).detect(ran([tool]))).findings[0]!;
      const at = (ms: number) => exceptions.of('default')?.covering({ ...facts, timeUs: BigInt(ms) * 1000n })?.id;
      const madeMs = createdAt.getTime();
      expect([at(madeMs - 1), at(madeMs + 1), at(expiresAt.getTime())]).toEqual([undefined, id, undefined]);
      expect(exceptions.of('other')).toBeUndefined();
      await expect(removeRuleException(store, { tenantId: 'other', actor: 'eve', id })).rejects.toMatchObject({
        code: 'exception_unknown',
      });
      await removeRuleException(store, { tenantId: 'default', actor: 'ada', id });
      await until(() => at(Date.now() + 3_600_000) === undefined);
      expect(at(madeMs + 1)).toBe(id);
    } finally {
      await exceptions.close();
    }
  });
});
