// A replay as a whole: files in, a report out, whatever happened to the events on their way.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { SeededRandom } from '@norn/base';
import { BatchWriter, appendField, openBatch } from '@norn/contracts';
import { SimulatedHost } from '@norn/testkit';
import { recordingMagic, writePiece } from './input/recording-format.ts';
import { type Perturbation, unperturbed } from './perturb/perturb-arrivals.ts';
import { replay } from './replay.ts';
import type { ReplayReport } from './report.ts';
import { reportText, shortcomings } from './report-text.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'norn-replay-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function fileOf(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

/** Ordinary work in which a web server starts a shell that fetches and runs something. */
function attackOn(w: string): object[] {
  const work = Array.from({ length: 700 }, (_, at) => ({ op: 'create', pid: 5, path: `/srv/cache/${at}` }));
  const events = [
    { op: 'exec', pid: 5, image: '/usr/bin/node', argv: ['node', 'server.js'] },
    ...work.slice(0, 300),
    { op: 'exec', pid: 7, image: '/usr/sbin/nginx', argv: ['nginx'] },
    { op: 'fork', pid: 8, ppid: 7 },
    { op: 'exec', pid: 8, image: '/bin/sh', argv: ['sh', '-c', 'id'] },
    ...work.slice(300),
    { op: 'exec', pid: 8, image: '/dev/shm/kdev', argv: ['./kdev'] },
    { op: 'unlink', pid: 8, path: '/var/log/auth.log\n\u001b[2J' },
  ];
  return events.map((event, seq) => ({ w, seq, ...event }));
}

const linesOf = (events: readonly object[]): string => events.map((event) => JSON.stringify(event)).join('\n');
const twoHosts = [...attackOn('web-1'), ...attackOn('web-2')];

/** Three hosts' lives as their agents would have sent them. */
function recordingOf(): Buffer {
  const hosts = [1, 2, 3].map((seed) => new SimulatedHost({ seed, processes: 60, containers: 3 }));
  const pieces = hosts.flatMap((host, at) =>
    [host.snapshot(), ...Array.from({ length: 40 }, () => host.live(100))].map((value) =>
      writePiece({ kind: 'batch', hostKey: `default:host-${at}`, value }),
    ),
  );
  return Buffer.concat([recordingMagic, ...pieces]);
}

const rule = (number: number, level: string, detection: string): string => `title: Rule ${number}
id: 00000000-0000-4000-8000-00000000000${number}
level: ${level}
summary: '{process} did what rule ${number} looks for: {CommandLine}'
logsource: { product: linux, category: ${number === 1 ? 'process_creation' : 'file_event'} }
detection: { a: { ${detection} }, condition: a }
`;

async function simulatedRules(): Promise<string> {
  const rules = [
    rule(1, 'medium', 'Image|endswith: [/curl, /awk]'),
    rule(2, 'low', 'TargetFilename|startswith: /srv/data/orders/part-1'),
    rule(3, 'high', "TargetFilename|contains: '/home/build/work/objects/a'"),
  ];
  return fileOf('rules.yml', rules.join('---\n'));
}

/** What must be the same, however the events came. */
function foundIn({ events, findings, alerts, perWorkload }: ReplayReport) {
  return { events, findings, alerts, perWorkload };
}

describe('a replay of lines', () => {
  it('finds the attack, with parents, and tells it by workload and in sentences', async () => {
    const report = await replay(await fileOf('attack.jsonl', linesOf(twoHosts)));
    expect(report).toMatchObject({ format: 'lines', events: 1412, refused: { total: 0 } });
    expect(report.alerts.map(({ workload, level, title }) => [workload, level, title])).toEqual([
      ['web-1', 'critical', 'Traces removed after something ran'],
      ['web-2', 'critical', 'Traces removed after something ran'],
    ]);
    const [alert] = report.alerts;
    expect(alert!.findings).toEqual(expect.arrayContaining(report.findings.slice(0, 1).map(({ id }) => id)));
    expect(report.perWorkload['web-1']).toMatchObject({
      events: 706,
      gaps: 0,
      lost: 0,
      alerts: { critical: 1, medium: 0 },
    });
    const text = reportText(report);
    expect(text).toMatch(/^web-1 +706 +– +– +1 critical, .*1 critical$/m);
    expect(text).toContain('then kdev deleted /var/log/auth.log [2J (');
  });

  it('is the same when the file itself is packed, mixed and has lines twice, and says what it lacks', async () => {
    const whole = foundIn(await replay(await fileOf('whole.jsonl', linesOf(twoHosts))));
    const random = new SeededRandom(4);
    const mixed = [0, 353, 706, 1059].flatMap((from) => random.shuffled(twoHosts.slice(from, from + 353)));
    const again = await replay(await fileOf('mixed.gz', gzipSync(linesOf([...mixed, ...twoHosts.slice(690, 720)]))));
    expect(foundIn(again)).toEqual(whole);
    expect(again.arrivals).toEqual({ repeated: 30, late: 0, untold: 0, missing: 0 });
    const cut = await replay(await fileOf('cut.jsonl', linesOf(twoHosts.filter((_, at) => at < 50 || at > 52))));
    expect(cut.perWorkload['web-1']).toMatchObject({ events: 703, gaps: 1, lost: 3 });
    expect(cut.alerts).toEqual(whole.alerts);
  });

  it('does not call a duplicate what it lost because it came too late', async () => {
    const events = Array.from({ length: 3_000 }, (_, seq) => ({
      w: 'web',
      seq,
      op: 'create',
      pid: 5,
      path: `/srv/${seq}`,
    }));
    const report = await replay(await fileOf('reverse.jsonl', linesOf(events.reverse())));
    expect(report).toMatchObject({ events: 1_025, arrivals: { repeated: 0, late: 1_975, untold: 0 } });
    expect(reportText(report)).toMatch(/^Too far from their place, not counted: 1975$/m);
    expect(shortcomings(report)).toEqual([
      expect.stringMatching(
        /reverse.jsonl: 1975 events came too late .*not counted: give each host's events in the order/,
      ),
    ]);
    const ordered = await replay(await fileOf('ordered.jsonl', linesOf([...events.reverse(), events[7]!])));
    expect(ordered).toMatchObject({ events: 3_000, arrivals: { repeated: 1, late: 0 } });
    expect(shortcomings(ordered)).toEqual([]);
  });

  it.each([1, 2, 3])('is the same when lines are delivered out of order and twice (%i)', async (seed) => {
    const file = await fileOf('lines.jsonl', linesOf(twoHosts));
    const perturbation = { seed, isShuffled: true, duplicatePercent: 30, losePercent: 0 };
    const report = await replay(file, { perturbation });
    expect(foundIn(report)).toEqual(foundIn(await replay(file)));
    expect(report.arrivals.repeated).toBeGreaterThan(300);
  });

  it.each([
    ['{"w": "a", "op": "exec"', /^.*:2: not JSON .*give one event a line/],
    ['{"w": "a", "op": "explode"}', /:2: "op" "explode" is not known: use .*exec/],
    ['{"w": "a b", "op": "exec"}', /:2: "w" is no name of letters/],
    ['{"w": "a", "op": "exec", "container": "4f"}', /:2: "container" .*64 hex/],
    ['{"w": "a", "op": "exec", "seq": 9007199254740991}', /:2: "seq" 9007199254740991 .*give "timeUs"/],
    ['[]', /:2: the line .*object/],
    [`{"w": "a", "op": "exec", "image": "${'x'.repeat(1024 * 1024)}"}`, /:2: longer than 1048576 bytes: cut/],
  ])('says what is wrong with a line: %.40s', async (line, message) => {
    const file = await fileOf('wrong.jsonl', `{"w": "a", "op": "exec"}\n${line}\n`);
    await expect(replay(file)).rejects.toThrow(message);
  });

  it('says what is wrong with a file, and what would be right', async () => {
    await expect(replay(join(folder, 'none'))).rejects.toThrow(/can not be read .*name a file of JSON events/);
    await expect(replay(await fileOf('text', 'hello'))).rejects.toThrow(/neither lines .* nor a recording .*README/);
    await expect(replay(await fileOf('empty', ''))).rejects.toThrow(/neither lines .* nor a recording/);
    const packed = gzipSync(linesOf(twoHosts));
    await expect(replay(await fileOf('half.gz', packed.subarray(0, 900)))).rejects.toThrow(/damaged after \d+ bytes/);
    const recording = recordingOf();
    await expect(replay(await fileOf('half', recording.subarray(0, -9)))).rejects.toThrow(/record 123 is cut off/);
  });
});

describe('a replay of a recording', () => {
  let file = '';
  let rules = '';
  let whole: ReplayReport;
  beforeAll(async () => {
    file = await fileOf('recording', recordingOf());
    rules = await simulatedRules();
    whole = await replay(file, { rules });
  });
  const perturbed = (perturbation: Partial<Perturbation>): Promise<ReplayReport> =>
    replay(file, { rules, perturbation: { ...unperturbed, ...perturbation } });

  it('finds things of every level in every host', () => {
    expect(whole.format).toBe('recording');
    expect(Object.keys(whole.perWorkload)).toEqual(['default:host-0', 'default:host-1', 'default:host-2']);
    for (const { findings, alerts } of Object.values(whole.perWorkload)) {
      expect(Math.min(findings.low, findings.medium, findings.high, alerts.medium + alerts.high)).toBeGreaterThan(0);
    }
  });

  it.each([1, 2, 3, 4, 5])('finds the same, with the same ids, out of order and twice (%i)', async (seed) => {
    const report = await perturbed({ seed, isShuffled: true, duplicatePercent: 20 });
    expect(foundIn(report)).toEqual(foundIn(whole));
    expect(report.arrivals.repeated).toBeGreaterThan(0);
    expect(report.arrivals).toMatchObject({ late: 0, untold: 0, missing: 0 });
  });

  it.each([1, 2, 3])('with one row in a hundred lost finds nothing else, and says what it lost (%i)', async (seed) => {
    const report = await perturbed({ seed, isShuffled: true, duplicatePercent: 5, losePercent: 1 });
    const lost = Object.values(report.perWorkload).reduce((sum, each) => sum + each.lost, 0);
    expect(lost).toBeGreaterThan(50);
    expect(report.events + lost).toBe(whole.events);
    const known = new Set(whole.findings.map(({ id }) => id));
    expect(report.findings.filter(({ id }) => !known.has(id))).toEqual([]);
    expect(report.findings.length).toBeGreaterThan(known.size * 0.95);
    expectSameAttacks(report);
  });

  /** An alert is as it was, or its first finding was lost. */
  function expectSameAttacks(report: ReplayReport): void {
    const found = new Set(report.findings.map(({ id }) => id));
    for (const alert of whole.alerts.filter(({ findings: [first] }) => found.has(first ?? ''))) {
      expect(report.alerts.map(({ id }) => id)).toContain(alert.id);
    }
  }

  it('tells of a batch that is not in it, goes on after one that is none, and takes facts', async () => {
    const host = new SimulatedHost({ seed: 9, processes: 30 });
    const batches = [host.snapshot(), host.live(), host.live(), host.live()];
    const hostKey = 'default:cut';
    const pieces = [batches[0]!, Buffer.from('no batch'), batches[3]!, batches[1]!];
    const report = await replay(
      await fileOf(
        'gap',
        Buffer.concat([
          recordingMagic,
          writePiece({ kind: 'facts', hostKey, value: new Uint8Array(0) }),
          ...pieces.map((value) => writePiece({ kind: 'batch', hostKey, value })),
        ]),
      ),
      { rules },
    );
    expect(report.perWorkload[hostKey]).toMatchObject({ gaps: 1, lost: 0 });
    expect(report.events).toBe([0, 1, 3].reduce((sum, at) => sum + openBatch(batches[at]!).eventCount, 0));
    expect(report.refused).toMatchObject({ total: 1, first: [{ stage: 'enrichment', code: 'batch_malformed' }] });
    expect(report.arrivals.missing).toBe(1);
    expect(reportText(report)).toContain('Refused batches: 1, the first by enrichment: ');
    expect(shortcomings(report)).toEqual([expect.stringMatching(/gap: refused batches, which are not judged: 1/)]);
  });

  it('calls containers what the facts call them', async () => {
    const hostKey = 'default:named';
    const host = new SimulatedHost({ seed: 5, processes: 40, containers: 2 });
    const batches = [host.snapshot(), ...Array.from({ length: 10 }, () => host.live())];
    const { containers, strings } = openBatch(batches[0]!).columns;
    // HostFacts: containers are field 1; of each the id is field 1, the name field 2.
    const named = [...containers.id].slice(1).map((id, at) => {
      const container = appendField(new Uint8Array(0), 1, strings.raw(id));
      return appendField(new Uint8Array(0), 1, appendField(container, 2, Buffer.from(`shop-${at}`)));
    });
    const pieces = [
      recordingMagic,
      writePiece({ kind: 'facts', hostKey, value: Buffer.concat(named) }),
      ...batches.map((value) => writePiece({ kind: 'batch', hostKey, value })),
    ];
    const { alerts } = await replay(await fileOf('named', Buffer.concat(pieces)), { rules });
    const inContainers = alerts.filter(({ containerId }) => containerId !== '');
    expect(new Set(inContainers.map(({ containerName }) => containerName))).toEqual(new Set(['shop-0', 'shop-1']));
  });

  it('of which nothing can be read is no success', async () => {
    const report = await replay(await fileOf('nothing', recordingMagic), { rules });
    expect(shortcomings(report)).toEqual([expect.stringMatching(/nothing: not one event could be read/)]);
  });

  it('takes an empty batch', async () => {
    const value = new BatchWriter().finish({ streamId: new Uint8Array(16).fill(1), batchSeq: 1 });
    const content = [recordingMagic, writePiece({ kind: 'batch', hostKey: 'default:idle', value })];
    const report = await replay(await fileOf('idle', Buffer.concat(content)));
    expect(report).toMatchObject({ events: 0, alerts: [], perWorkload: { 'default:idle': { events: 0 } } });
    expect(reportText(report)).toContain('No alerts');
  });
});
