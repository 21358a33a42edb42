import { appendFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Loss, Spool, type SpoolLimits } from './spool.ts';

let directory: string;
let nowMs = 0;
let losses: Loss[] = [];

const roomy: SpoolLimits = { bytesMax: 1_000_000, segmentBytesMax: 4096, memoryBytesMax: 10_000, memoryAgeMs: 1000 };

function openSpool(limits: Partial<SpoolLimits> = {}): Spool {
  return new Spool({
    directory,
    limits: { ...roomy, ...limits },
    nowMs: () => nowMs,
    onLost: (loss) => losses.push(loss),
    onDiskFailed: (error) => {
      throw error;
    },
  });
}

const aBatch = (text: string, precious = false) => ({
  kind: 'batch' as const,
  bytes: Buffer.from(text.padEnd(500, '.')),
  precious,
  events: 10,
});

function textsAfter(spool: Spool, after: number): string[] {
  return spool.read(after, 1_000_000_000).map(({ bytes }) => Buffer.from(bytes).toString().replace(/\.+$/, ''));
}

function appendNumbered(spool: Spool, first: number, last: number): void {
  for (let number = first; number <= last; number++) spool.append(aBatch(`b${number}`));
}

const numbered = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => `b${first + i}`);
const segmentFiles = () => readdirSync(directory).filter((name) => name.endsWith('.seg'));

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'norn-spool-'));
  nowMs = 0;
  losses = [];
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe('a spool while acks come quickly', () => {
  it('touches no disk', async () => {
    const spool = openSpool();
    appendNumbered(spool, 1, 5);
    await spool.flushIfDue();
    expect(textsAfter(spool, 0)).toEqual(numbered(1, 5));
    spool.ack(5);
    nowMs += 5000;
    await spool.flushIfDue();
    expect(segmentFiles()).toEqual([]);
    expect(spool.durableThrough).toBe(5);
  });

  it('goes to disk when they take longer than a second', async () => {
    const spool = openSpool();
    appendNumbered(spool, 1, 5);
    nowMs += 1001;
    await spool.flushIfDue();
    expect(spool.durableThrough).toBe(5);
    expect(segmentFiles()).toHaveLength(1);
  });

  it('goes to disk when too much is waiting', async () => {
    const spool = openSpool();
    appendNumbered(spool, 1, 30);
    await spool.flushIfDue();
    expect(spool.durableThrough).toBe(30);
  });

  it('writes an outcome at once, for nobody sends it again', async () => {
    const spool = openSpool();
    appendNumbered(spool, 1, 1);
    spool.append({ kind: 'outcome', bytes: Buffer.from('o'), precious: true, events: 0 });
    await spool.flushIfDue();
    expect(spool.durableThrough).toBe(2);
  });
});

describe('a spool on disk', () => {
  it('reads over disk and memory in one order, from any position, over many segments', async () => {
    const spool = openSpool();
    for (let first = 1; first <= 91; first += 10) {
      appendNumbered(spool, first, first + 9);
      await spool.flush();
    }
    appendNumbered(spool, 101, 105);
    expect(segmentFiles().length).toBeGreaterThan(5);
    for (const after of [0, 1, 8, 9, 10, 57, 99, 100, 101, 105]) {
      expect(textsAfter(spool, after)).toEqual(numbered(after + 1, 105));
    }
  });

  it('gives small pieces that join without a hole', async () => {
    const spool = openSpool();
    appendNumbered(spool, 1, 50);
    await spool.flush();
    const read: number[] = [];
    for (let after = 0; after < 50; after = read.at(-1) ?? 50) {
      read.push(...spool.read(after, 1200).map(({ position }) => position));
    }
    expect(read).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  });

  it('removes a segment when all of it is acked, and goes back to memory when all is', async () => {
    const spool = openSpool();
    for (let first = 1; first <= 41; first += 10) {
      appendNumbered(spool, first, first + 9);
      await spool.flush();
    }
    const before = segmentFiles().length;
    spool.ack(25);
    expect(segmentFiles().length).toBeLessThan(before);
    expect(textsAfter(spool, 25)).toEqual(numbered(26, 50));
    spool.ack(50);
    expect(segmentFiles()).toEqual([]);
    appendNumbered(spool, 51, 51);
    await spool.flushIfDue();
    expect(segmentFiles()).toEqual([]);
  });

  it('may be acked while it is synced, which is no failure of the disk', async () => {
    const spool = openSpool();
    for (let last = 10; last <= 500; last += 10) {
      appendNumbered(spool, last - 9, last);
      const flushed = spool.flush();
      spool.ack(last);
      await flushed;
    }
    expect(segmentFiles()).toEqual([]);
  });

  it('is found again after kill -9, with what was not acked', async () => {
    const spool = openSpool();
    appendNumbered(spool, 1, 30);
    await spool.flush();
    spool.ack(10);
    spool.saveCursor();
    appendNumbered(spool, 31, 31); // In memory only: baldur still has it, for it was never told otherwise.
    const again = openSpool();
    expect(again.ackedThrough).toBe(10);
    expect(textsAfter(again, 10)).toEqual(numbered(11, 30));
    again.append(aBatch('b31'));
    expect(textsAfter(again, 29)).toEqual(['b30', 'b31']);
  });

  it('cuts off an entry that was half written', async () => {
    const spool = openSpool();
    appendNumbered(spool, 1, 3);
    await spool.flush();
    const [file = ''] = segmentFiles();
    appendFileSync(join(directory, file), Buffer.from('half of a header and more than twenty-four bytes'));
    const again = openSpool();
    expect(textsAfter(again, 0)).toEqual(numbered(1, 3));
    appendNumbered(again, 4, 4);
    await again.flush();
    expect(textsAfter(openSpool(), 0)).toEqual(numbered(1, 4));
  });

  it('begins anew when everything was acked', async () => {
    const spool = openSpool();
    appendNumbered(spool, 1, 3);
    await spool.flush();
    spool.ack(2);
    spool.saveCursor();
    spool.ack(3);
    await spool.close();
    const again = openSpool();
    const position = again.append(aBatch('b4'));
    await again.flush();
    expect(textsAfter(openSpool(), position - 1)).toEqual(['b4']);
  });
});

describe('a full spool', () => {
  const small = { bytesMax: 20_000, segmentBytesMax: 4096 };

  async function fill(spool: Spool, first: number, last: number): Promise<void> {
    for (let number = first; number <= last; number++) {
      spool.append(aBatch(`b${number}`, number % 10 === 0));
      await spool.flush();
    }
  }

  it('drops the oldest batches without findings, counts them, and keeps its bound', async () => {
    const spool = openSpool(small);
    await fill(spool, 1, 100);
    const left = textsAfter(spool, 0);
    expect(left.filter((text) => text.endsWith('0'))).toEqual(numbered(1, 100).filter((text) => text.endsWith('0')));
    expect(left.slice(-10)).toEqual(numbered(91, 100));
    expect(spool.diskBytes).toBeLessThanOrEqual(small.bytesMax);
    const lost = losses.reduce((sum, { batches }) => sum + batches, 0);
    expect(lost).toBe(100 - left.length);
    expect(losses.reduce((sum, { events }) => sum + events, 0)).toBe(lost * 10);
    expect(losses.every(({ precious }) => precious === 0)).toBe(true);
  });

  it('drops findings only when there is nothing else, and says so', async () => {
    const spool = openSpool(small);
    for (let number = 1; number <= 100; number++) {
      spool.append(aBatch(`b${number}`, true));
      await spool.flush();
    }
    expect(spool.diskBytes).toBeLessThanOrEqual(small.bytesMax);
    expect(losses.reduce((sum, { precious }) => sum + precious, 0)).toBe(100 - textsAfter(spool, 0).length);
    expect(textsAfter(spool, 0).at(-1)).toBe('b100');
  });

  it('does not drop what was sent and waits for its ack', async () => {
    const spool = openSpool(small);
    await fill(spool, 1, 30);
    spool.sentThrough = 10;
    await fill(spool, 31, 60);
    expect(textsAfter(spool, 0).slice(0, 10)).toEqual(numbered(1, 10));
  });

  it('is found again by a reader in the middle of it', async () => {
    const spool = openSpool(small);
    await fill(spool, 1, 20);
    const [first] = spool.read(0, 1);
    await fill(spool, 21, 100);
    const rest = textsAfter(spool, first?.position ?? 0);
    expect(rest).toEqual(textsAfter(spool, 0).filter((text) => text !== 'b1'));
  });
});
