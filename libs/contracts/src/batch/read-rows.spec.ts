import { EventKind } from '../gen/norn/event/v1/event_pb.ts';
import { openBatch } from './batch-view.ts';
import { BatchWriter, type ProcessEntry, type Row } from './batch-writer.ts';
import { nobodyId } from './columns.ts';
import { readRows } from './read-rows.ts';

const parent: ProcessEntry = {
  uid: new Uint8Array(16).fill(1),
  parentUid: new Uint8Array(16),
  pid: 4000,
  namespacePid: 1,
  parentPid: 1,
  startTimeUs: 1_795_000_000_000_000,
  imageNumber: 2,
  imagePath: '/usr/sbin/nginx',
  commandLine: 'nginx: worker',
  workingDirectory: '/',
  environment: '',
  sha256: '',
  imageFlags: 0,
  containerId: '4f'.repeat(32),
  userId: 0,
  groupId: 0,
  terminal: '',
  loginUserId: nobodyId,
  sessionId: nobodyId,
  capabilities: [0n, 0n, 0n, 0n, 0n],
  package: '',
  packageVersion: '',
};
const shell: ProcessEntry = {
  ...parent,
  uid: new Uint8Array(16).fill(7),
  parentUid: parent.uid,
  pid: 4121,
  imagePath: '/bin/sh',
  commandLine: 'sh -c id',
  sha256: 'ab'.repeat(32),
  imageFlags: 64,
  userId: 33,
  terminal: 'pts0',
  loginUserId: 1_000,
  sessionId: 7,
  capabilities: [1n, 1n << 40n, 3n, 4n, 0xffff_ffff_ffff_ffffn],
  package: 'dash',
  packageVersion: '0.5.12-2',
};
const rows: Row[] = [
  {
    kind: EventKind.FILE_RENAME,
    timeUs: 1_795_000_000_000_250,
    process: shell,
    path: '/srv/a',
    target: '/srv/b',
    flags: 2,
    value: 33n << 32n,
    result: -2,
  },
  {
    kind: EventKind.EXEC,
    timeUs: 1_795_000_000_000_100,
    process: shell,
    path: '/bin/sh',
    target: '',
    flags: 0,
    value: 0n,
    result: 0,
  },
];

describe('the rows of a batch', () => {
  it('come out as they went in, whatever their order, with processes that no row is about', () => {
    const writer = new BatchWriter(1_795_000_000_000_050).describe(parent);
    for (const row of rows) writer.add(row);
    const batch = openBatch(writer.finish({ streamId: new Uint8Array(16).fill(9), batchSeq: 1 }));
    expect(batch.baseTimeUs).toBe(1_795_000_000_000_050);
    expect(readRows(batch)).toEqual({ processes: [parent, shell], rows });
  });

  it('are not before the base time', () => {
    expect(() => new BatchWriter(1_795_000_000_000_200).add(rows[1]!)).toThrow('before the batch');
  });
});
