import { BatchWriter, event, stringBytesMax } from '@norn/contracts';
import { createOpenBatch } from './open-batch.step.ts';

const uid = new Uint8Array(16).fill(1);
const good = new BatchWriter()
  .add({
    kind: event.EventKind.EXIT,
    timeUs: 1,
    process: { uid, parentUid: uid, pid: 1, startTimeUs: 1, imagePath: '/bin/true' },
  })
  .finish({ streamId: uid, batchSeq: 1 });

const process = { uid, parentUid: uid, pid: 1, startTimeUs: 1, imagePath: '/bin/true' };

/** Rows that name one string, processes that have one image. */
function naming(rows: number, { path = '', commandLine = '', processes = 1 }): Uint8Array {
  const writer = new BatchWriter();
  for (let row = 0; row < rows; row++) {
    const imageNumber = row % processes;
    const entry = { ...process, imageNumber, commandLine };
    writer.add({ kind: event.EventKind.FILE_RENAME, timeUs: 1, process: entry, path, target: path });
  }
  return writer.finish({ streamId: uid, batchSeq: 1 });
}

function open(value: Uint8Array) {
  return createOpenBatch()({ topic: 'raw', partition: 0, offset: 7, key: 'default:host-1', value, headers: {} });
}

describe('the door of the installation', () => {
  it('lets a well-formed batch in', () => {
    expect(open(good)).toMatchObject({
      kind: 'ok',
      value: { record: { key: 'default:host-1' }, batch: { eventCount: 1 } },
    });
  });

  it.each([
    ['garbage', Buffer.from([1, 2, 3, 4])],
    [
      'a batch whose columns were changed',
      Uint8Array.from(good, (byte, at) => (at === good.length - 40 ? byte ^ 255 : byte)),
    ],
    ['a string that no agent sends', naming(1, { path: 'x'.repeat(stringBytesMax + 1) })],
  ])('sends %s to the dead letters with a code', (_, value) => {
    expect(open(value)).toMatchObject({ kind: 'deadLetter', reason: 'malformed', error: { code: 'batch_malformed' } });
  });

  it('lets in what the agent makes at most', () => {
    expect(open(naming(1_600, { path: 'x'.repeat(stringBytesMax) })).kind).toBe('ok');
  });

  it.each([
    ['rows', naming(20_000, { path: 'x'.repeat(stringBytesMax) })],
    ['processes', naming(10_000, { commandLine: 'x'.repeat(stringBytesMax), processes: 10_000 })],
  ])('sends a small batch that becomes large as %s to the dead letters', (_, value) => {
    expect(value.byteLength).toBeLessThan(1024 * 1024);
    expect(open(value)).toMatchObject({ kind: 'deadLetter', error: { code: 'batch_too_large' } });
  });
});
