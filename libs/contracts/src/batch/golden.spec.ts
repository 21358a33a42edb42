// Golden bytes are written by Rust (native-agent/crates/events/examples/write-golden.rs) and read here.
import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { toHex } from '@norn/base';
import { type BatchView, openBatch } from './batch-view.ts';
import { capabilitiesOf, capabilitySets } from './columns.ts';

const folder = join(__dirname, '../../../../proto/golden');

/** The golden file writes bytes that are not UTF-8 as "hex:…". */
function pathOf(bytes: Uint8Array): string {
  return isUtf8(bytes) ? Buffer.from(bytes).toString() : `hex:${toHex(bytes)}`;
}

function processOf({ columns }: BatchView, entry: number) {
  const { strings, processes, images, containers } = columns;
  const image = processes.image[entry]!;
  const sets = [...capabilitiesOf(processes, entry)].map(String);
  return {
    capabilities: Object.fromEntries(capabilitySets.map((name, set) => [name, sets[set]])),
    containerId: strings.text(containers.id[processes.container[entry]!]!),
    groupId: processes.groupId[entry],
    image: {
      commandLine: strings.text(images.commandLine[image]!),
      flags: images.flags[image],
      package: strings.text(images.package[image]!),
      packageVersion: strings.text(images.packageVersion[image]!),
      path: strings.text(images.path[image]!),
      sha256: toHex(images.sha256.subarray(image * 32, image * 32 + 32)),
      workingDirectory: strings.text(images.workingDirectory[image]!),
    },
    imageNumber: processes.imageNumber[entry],
    loginUserId: processes.loginUserId[entry],
    namespacePid: processes.namespacePid[entry],
    parentPid: processes.parentPid[entry],
    parentUid: toHex(processes.parentUid.subarray(entry * 16, entry * 16 + 16)),
    pid: processes.pid[entry],
    sessionId: processes.sessionId[entry],
    startTimeUs: String(processes.startTimeUs[entry]),
    terminal: strings.text(processes.terminal[entry]!),
    uid: toHex(processes.uid.subarray(entry * 16, entry * 16 + 16)),
    userId: processes.userId[entry],
  };
}

function rowsOf(batch: BatchView) {
  const { columns, baseTimeUs } = batch;
  return Array.from(columns.kind, (kind, row) => ({
    flags: columns.flags[row],
    kind,
    path: pathOf(columns.strings.raw(columns.path[row]!)),
    process: processOf(batch, columns.process[row]!),
    result: columns.result[row],
    target: columns.strings.text(columns.target[row]!),
    timeUs: String(baseTimeUs + columns.timeOffsetUs[row]!),
    value: String(columns.value[row]),
  }));
}

describe('the golden batch of the agent', () => {
  it('reads as the agent means it', () => {
    const batch = openBatch(readFileSync(join(folder, 'batch-v1.bin')));
    expect({
      baseTimeUs: String(batch.baseTimeUs),
      batchSeq: String(batch.batchSeq),
      bootId: toHex(batch.bootId),
      eventCount: batch.eventCount,
      findings: batch.findings.map(({ ruleId }) => ruleId),
      rows: rowsOf(batch),
      schemaVersion: batch.schemaVersion,
      streamId: batch.streamIdHex,
      traceparent: batch.traceparent,
    }).toEqual(JSON.parse(readFileSync(join(folder, 'batch-v1.json'), 'utf8')));
  });
});
