// A host of a test: processes with lineage, and the batches that tell of them, as process-tree would hand them on.
import { type MessageInitShape, create, toBinary } from '@bufbuild/protobuf';
import type { BusRecord } from '@norn/bus';
import {
  BatchWriter,
  type ProcessEntry,
  type Row,
  appendField,
  batchFields,
  event,
  finding,
  lineage,
  openBatch,
} from '@norn/contracts';

export const startUs = 1_700_000_000_000_000;

export interface SimulatedProcess extends ProcessEntry {
  readonly parent: SimulatedProcess | undefined;
}

export function uid(name: string): Uint8Array {
  return Uint8Array.from(Buffer.from(name.padEnd(16, '\0').slice(0, 16)));
}

export function process(name: string, parent?: SimulatedProcess, more: Partial<ProcessEntry> = {}): SimulatedProcess {
  return {
    uid: uid(name),
    parentUid: parent?.uid ?? new Uint8Array(16),
    pid: name.length,
    startTimeUs: startUs,
    imagePath: `/usr/bin/${name}`,
    commandLine: name,
    ...(parent?.containerId === undefined ? {} : { containerId: parent.containerId }),
    ...more,
    parent,
  };
}

export interface BatchContent {
  readonly seq: number;
  readonly rows?: readonly (Omit<Row, 'timeUs' | 'process'> & {
    readonly by: SimulatedProcess;
    readonly afterMs?: number;
  })[];
  readonly findings?: readonly finding.Finding[];
  readonly containers?: Readonly<Record<string, string>>;
}

/** The record of a batch in the lineage topic. */
export function batchRecord(content: BatchContent, host = 'default:host-1'): BusRecord {
  const writer = new BatchWriter();
  const rows = content.rows ?? [];
  for (const { by, afterMs = 0, ...row } of rows) writer.add({ ...row, process: by, timeUs: startUs + afterMs * 1000 });
  const bytes = writer.finish({ streamId: uid('stream'), batchSeq: content.seq, findings: content.findings ?? [] });
  const withLineage = appendField(
    bytes,
    batchFields.lineage,
    lineageBytes(
      bytes,
      rows.map(({ by }) => by),
    ),
  );
  const value = appendField(withLineage, batchFields.enrichment, enrichmentBytes(content.containers ?? {}));
  return { topic: 'lineage', partition: 0, offset: content.seq, key: host, value, headers: { schema: '1' } };
}

function enrichmentBytes(names: Readonly<Record<string, string>>): Uint8Array {
  const containers = Object.entries(names).map(([containerId, name]) => ({ containerId, name, image: `${name}:1` }));
  return toBinary(event.BatchEnrichmentSchema, create(event.BatchEnrichmentSchema, { containers }));
}

function lineageBytes(batch: Uint8Array, processes: readonly SimulatedProcess[]): Uint8Array {
  const { uid: uids, count } = openBatch(batch).columns.processes;
  const table = Array.from({ length: count }, (_, at) => {
    const wanted = Buffer.from(uids.subarray(at * 16, at * 16 + 16));
    return processes.find((each) => wanted.equals(each.uid));
  });
  const ancestors = table.map((each) => (each ? above(each) : []));
  const paths = ancestors.map((each) => Buffer.from(each.map(({ imagePath }) => imagePath).join('\n')));
  return toBinary(
    lineage.LineageColumnsSchema,
    create(lineage.LineageColumnsSchema, {
      lineageUid: Buffer.concat(table.map((each, at) => (ancestors[at]?.at(-1) ?? each)?.uid ?? new Uint8Array(16))),
      depth: Buffer.concat(ancestors.map((each) => Buffer.from([each.length, 0]))),
      ancestorPaths: Buffer.concat(paths.map((each) => Buffer.concat([varint(each.length), each]))),
      parentCommandLines: Buffer.concat(ancestors.map(() => Buffer.from([0]))),
      incomplete: new Uint8Array(count),
      ancestorPids: Buffer.concat(
        ancestors.map((each) => Buffer.concat([varint(each.length), ...each.map(({ pid }) => u32(pid))])),
      ),
      ancestorUids: Buffer.concat(
        ancestors.map((each) => Buffer.concat([varint(each.length), ...each.map((one) => one.uid)])),
      ),
    }),
  );
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function varint(value: number): Buffer {
  return value < 128 ? Buffer.from([value]) : Buffer.from([(value & 127) | 128, value >> 7]);
}

function above(from: SimulatedProcess): SimulatedProcess[] {
  const found: SimulatedProcess[] = [];
  for (let at = from.parent; at; at = at.parent) found.push(at);
  return found;
}

export function reflexFinding(
  id: string,
  by: SimulatedProcess,
  more: Omit<MessageInitShape<typeof finding.FindingSchema>, '$typeName'> = {},
): finding.Finding {
  return create(finding.FindingSchema, {
    id: id.padEnd(32, '0'),
    ruleId: 'reflex.ransomware',
    title: 'Files encrypted or wiped',
    source: finding.FindingSource.REFLEX,
    severity: finding.Severity.CRITICAL,
    techniques: ['T1486'],
    timeUs: BigInt(startUs),
    processUid: by.uid,
    scopeUid: by.uid,
    containerId: by.containerId ?? '',
    summary: `${by.commandLine ?? ''} encrypted 7 files in 38 ms`,
    response: { rung: finding.ResponseRung.KILLED, pids: [by.pid], filesChanged: 7 },
    ...more,
  });
}
