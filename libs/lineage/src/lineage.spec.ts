import { BatchWriter, type ProcessEntry, type LineageView, event, openBatch, readLineage } from '@norn/contracts';
import { toHex } from '@norn/base';
import { LineageDescriber } from './describe-lineage.ts';
import { HostState, readSnapshot, writeSnapshot } from './host-state.ts';
import { type NodeFacts, nodesMax } from './host-tree.ts';

const { EventKind } = event;

/** A process with a uid made of its number. */
function process(number: number, parent: number, imagePath: string, more: Partial<ProcessEntry> = {}): ProcessEntry {
  return {
    uid: uid(number),
    parentUid: uid(parent),
    pid: number,
    startTimeUs: 1000,
    imagePath,
    commandLine: `${imagePath} -x`,
    ...more,
  };
}

/** 0 is "not known". */
function uid(number: number): Uint8Array {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32LE((number * 0x01000193) % 2 ** 32, 0);
  bytes.writeUInt32LE(number, 12);
  return bytes;
}

const plain: NodeFacts = {
  pid: 1,
  startTimeUs: 1,
  imageNumber: 0,
  imagePath: Buffer.from('/bin/true'),
  commandLine: Buffer.from('true'),
  containerId: new Uint8Array(0),
};

function wordsOf(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(Uint8Array.from(bytes).buffer);
}

class Host {
  state = new HostState();
  private seq = 0;
  private readonly describer = new LineageDescriber();

  /** Applies one batch in which each process has an EXEC row, and returns the lineage of its process table. */
  see(
    processes: readonly ProcessEntry[],
    {
      exits = [],
      timeUs = 1_000_000,
      bootId = new Uint8Array(16).fill(1),
    }: { exits?: readonly ProcessEntry[]; timeUs?: number; bootId?: Uint8Array } = {},
  ): LineageView {
    const writer = new BatchWriter();
    for (const one of processes) writer.add({ kind: EventKind.EXEC, timeUs, process: one });
    for (const one of exits) writer.add({ kind: EventKind.EXIT, timeUs, process: one });
    this.seq += 1;
    const batch = openBatch(writer.finish({ streamId: new Uint8Array(16).fill(3), batchSeq: this.seq, bootId }));
    const slots = this.state.apply(batch, this.seq);
    const bytes = this.describer.describe(this.state.tree, slots, batch.columns.processes.uidWords);
    return readLineage(Uint8Array.from(bytes), batch.columns.processes.count);
  }
}

const init = process(1, 0, '/usr/lib/systemd/systemd');
const sshd = process(2, 1, '/usr/sbin/sshd');
const bash = process(3, 2, '/bin/bash');
const curl = process(4, 3, '/usr/bin/curl');

describe('lineage', () => {
  it('names the ancestors, nearest first, and the origin below the session manager', () => {
    const host = new Host();
    host.see([init, sshd, bash]);
    const lineage = host.see([curl]);
    expect(lineage.ancestorPaths(0)).toEqual(['/bin/bash', '/usr/sbin/sshd', '/usr/lib/systemd/systemd']);
    expect(lineage.parentCommandLine(0)).toBe('/bin/bash -x');
    expect(lineage.depth(0)).toBe(3);
    expect(lineage.incomplete(0)).toBe(false);
    expect(toHex(lineage.lineageUid)).toBe(toHex(uid(3)));
    expect(toHex(lineage.ancestorUids(0))).toBe([3, 2, 1].map((number) => toHex(uid(number))).join(''));
    expect(lineage.ancestorPids(0)).toEqual([3, 2, 1]);
  });

  it('stops at the border of the container', () => {
    const containerId = 'c'.repeat(64);
    const shim = process(5, 1, '/usr/bin/containerd-shim-runc-v2');
    const entrypoint = process(6, 5, '/bin/sh', { containerId });
    const worker = process(7, 6, '/usr/bin/python3', { containerId });
    const lineage = new Host().see([init, process(8, 1, '/opt/ci-runner'), shim, entrypoint, worker]);
    expect(toHex(lineage.lineageUid.subarray(4 * 16))).toBe(toHex(uid(6)));
    expect(lineage.depth(4)).toBe(3);
  });

  it('is its own origin when everything above starts other people’s work', () => {
    const lineage = new Host().see([init, sshd]);
    expect(toHex(lineage.lineageUid.subarray(16))).toBe(toHex(uid(2)));
  });

  it('says so when an ancestor is missing, and is repaired when it is seen', () => {
    const host = new Host();
    expect(host.see([curl]).incomplete(0)).toBe(true);
    host.see([init, sshd, bash]);
    expect(host.see([curl]).incomplete(0)).toBe(false);
  });

  it('keeps an ended ancestor while a descendant lives', () => {
    const host = new Host();
    host.see([init, sshd, bash, curl], { exits: [bash] });
    for (let round = 0; round < 4; round++) {
      const crowd = Array.from({ length: 700 }, (_, n) => process(1000 + round * 1000 + n, 1, '/bin/true'));
      host.see(crowd, { exits: crowd, timeUs: 1_000_000 + round * 100_000_000 });
    }
    expect(host.state.tree.count).toBeLessThan(2_000);
    expect(host.see([curl]).ancestorPaths(0)[0]).toBe('/bin/bash');
  });

  it('follows a process through its images', () => {
    const host = new Host();
    host.see([init, sshd, bash, { ...bash, imageNumber: 1, imagePath: '/usr/bin/zsh' }]);
    expect(host.see([curl]).ancestorPaths(0)[0]).toBe('/usr/bin/zsh');
  });

  it('is the same whichever image of a process a batch describes first', () => {
    const containerId = 'c'.repeat(64);
    const runc = process(5, 2, '/opt/runtime');
    const entrypoint = { ...runc, imageNumber: 1, imagePath: '/bin/sh', containerId };
    const worker = process(6, 5, '/usr/bin/python3', { containerId });
    const origins = [
      [runc, entrypoint],
      [entrypoint, runc],
    ].map((images) => toHex(new Host().see([init, sshd, ...images, worker]).lineageUid.subarray(4 * 16)));
    expect(origins).toEqual([toHex(uid(5)), toHex(uid(5))]);
  });

  it('begins anew with the host’s next boot', () => {
    const host = new Host();
    host.see([init, sshd, bash]);
    expect(host.see([curl], { bootId: new Uint8Array(16).fill(2) }).incomplete(0)).toBe(true);
  });

  it('takes no more than its bound, drops the ended first, and marks what it cannot know', () => {
    const host = new Host();
    const { tree } = host.state;
    const fill = (from: number, count: number): void => {
      for (let number = from; number < from + count; number++) {
        const slot = tree.put(wordsOf(uid(number)), wordsOf(uid(1)), 0, plain);
        if (number % 2 === 0 && slot >= 0) tree.end(slot, 1);
      }
    };
    fill(10, nodesMax);
    expect(tree.count).toBe(nodesMax);
    fill(10 + nodesMax, nodesMax);
    expect(tree.count).toBe(nodesMax);
    expect(tree.evictedTotal).toBeGreaterThanOrEqual(nodesMax / 2);
    // Only the living are left now, and nothing can make room.
    for (let number = 1; tree.put(wordsOf(uid(number * 2 + 9 * nodesMax)), wordsOf(uid(1)), 0, plain) >= 0; number++);
    const lineage = host.see([process(9, 3, '/bin/ls')]);
    expect(lineage.incomplete(0)).toBe(true);
    expect(toHex(lineage.lineageUid)).toBe(toHex(uid(9)));
  });
});

describe('a snapshot', () => {
  it('is the state, so later events have the same lineage', () => {
    const host = new Host();
    host.see([init, sshd, bash, { ...bash, imageNumber: 2, imagePath: '/bin/\u00e9' }], { exits: [sshd] });
    const copy = new Host();
    copy.state = readSnapshot(writeSnapshot(host.state));
    expect(copy.state.nextOffset).toBe(1);
    expect(copy.state.marks.isApplied('03'.repeat(16), 1)).toBe(true);
    expect(copy.state.marks.isApplied('03'.repeat(16), 2)).toBe(false);
    expect(writeSnapshot(copy.state)).toEqual(writeSnapshot(host.state));
    expect(copy.see([curl]).ancestorPaths(0)).toEqual(host.see([curl]).ancestorPaths(0));
  });
});

describe('a batch that comes again', () => {
  it('is known by its stream and number, whatever came between', () => {
    const { state } = new Host();
    state.marks.apply('aa', 5);
    state.marks.apply('bb', 1);
    expect(state.marks.isApplied('aa', 5)).toBe(true);
    expect(state.marks.isApplied('aa', 6)).toBe(false);
    expect(state.marks.isApplied('bb', 2)).toBe(false);
    expect(state.marks.apply('bb', 4)).toBe(2);
  });
});
