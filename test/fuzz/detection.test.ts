// Records out of hand: the stage that judges goes on, whatever a host in an attacker's hands sends.
// @norn-strict
import { create, toBinary } from '@bufbuild/protobuf';
import { appendField, batchFields, event, finding } from '@norn/contracts';
import { createJudge } from '@norn/detection/judge';
import { batchRecord, process, reflexFinding } from '@norn/detection/simulated-host';
import type { SeededRandom } from '@norn/testkit';
import { fuzz } from './fuzz.ts';
import { changedBytes, changedValues } from './mutations.ts';

const FINDING_FIELD = 8;

const server = process('nginx', undefined, { containerId: '4f'.repeat(32), imagePath: '/usr/sbin/nginx' });
const shell = process('sh', server, { imagePath: '/bin/sh', commandLine: 'sh -c id' });
const exec = { kind: event.EventKind.EXEC, by: shell };
const write = { kind: event.EventKind.FILE_OPEN, path: '/etc/ld.so.preload', flags: 0o101, by: shell };
const reflex = reflexFinding('a1', shell, { evidence: [{ field: 'path', value: '/srv/a' }] });
const records = [
  batchRecord({ seq: 1, rows: [exec, write], findings: [reflex], containers: { [shell.containerId ?? '']: 'web-1' } }),
  batchRecord({ seq: 2, rows: [exec, exec, write] }),
  batchRecord({ seq: 3, rows: [{ ...exec, by: server }] }),
];
const findings = [reflex, { ...reflex, severity: finding.Severity.LOW }].map((each) =>
  toBinary(finding.FindingSchema, each),
);

/** Many hosts, so that what one did before does not quieten the next. */
const HOSTS = 5_000;
const keys = ['', ':', 'default', ':host', 'default:', 'a:b:c'];

function make(random: SeededRandom): (typeof records)[number] {
  const record = random.pick(records);
  const key = random.next() < 0.05 ? random.pick(keys) : `default:host-${random.below(HOSTS)}`;
  return { ...record, key, value: changedRecord(record.value, random) };
}

/** A later field of one number replaces the earlier, a finding is added. */
function changedRecord(value: Uint8Array, random: SeededRandom): Uint8Array {
  const withFinding = (bytes: Uint8Array): Uint8Array => appendField(value, FINDING_FIELD, bytes);
  switch (random.below(6)) {
    case 0:
      return changedBytes(value, random);
    case 1:
      return withFinding(changedBytes(random.pick(findings), random));
    case 2:
      return appendField(value, batchFields.lineage, random.bytes(random.below(200)));
    case 3:
      return withFinding(changedValues(random.pick(findings), random));
    default:
      return withFinding(toBinary(finding.FindingSchema, madeFinding(random)));
  }
}

const texts = ['', 'x', '\0', 'x'.repeat(20_000), 'T1486', '../..', '😀'.repeat(300)];
const uids = [0, 15, 16, 17].map((length) => new Uint8Array(length).fill(7));
const times = [0n, 1n, reflex.timeUs, reflex.timeUs + 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n];

function enumOf<Value extends number>(all: Readonly<Record<string, string | Value>>): Value[] {
  return Object.values(all).filter((value): value is Value => typeof value === 'number');
}

/** Parses, and says what no agent would. */
function madeFinding(random: SeededRandom): finding.Finding {
  const uid = (): Uint8Array => (random.next() < 0.7 ? reflex.scopeUid : random.pick(uids));
  const text = (): string => random.pick(texts);
  return create(finding.FindingSchema, {
    ...reflex,
    id: random.next() < 0.9 ? random.hex(32) : text(),
    title: text(),
    summary: text(),
    severity: random.pick(enumOf(finding.Severity)),
    source: random.pick(enumOf(finding.FindingSource)),
    techniques: Array.from({ length: random.below(40) }, text),
    timeUs: random.next() < 0.7 ? reflex.timeUs : random.pick(times),
    processUid: uid(),
    scopeUid: uid(),
    lineageUid: uid(),
    containerId: random.next() < 0.7 ? reflex.containerId : text(),
    evidence: Array.from({ length: random.below(60) }, () =>
      create(finding.EvidenceSchema, { field: text(), value: text() }),
    ),
    response: create(finding.ResponseSchema, {
      rung: random.pick(enumOf(finding.ResponseRung)),
      pids: [random.below(5), 2 ** 32 - 1],
      stoppedUs: random.pick(times),
      filesChanged: random.below(9),
    }),
  });
}

it('a record is judged or dead-lettered, and the next one is judged', async () => {
  const judge = createJudge();
  const wanted = ['dead-lettered', 'alerted'];
  const fates = await fuzz({ name: 'records', wanted, make, run: (record) => judge(record) });
  for (const fate of wanted) expect([fate, (fates.get(fate) ?? 0) > 0]).toEqual([fate, true]);
}, 3_600_000);
