import { BatchWriter, event } from '@norn/contracts';
import { createOpenBatch } from './open-batch.step.ts';

const uid = new Uint8Array(16).fill(1);
const good = new BatchWriter()
  .add({
    kind: event.EventKind.EXIT,
    timeUs: 1,
    process: { uid, parentUid: uid, pid: 1, startTimeUs: 1, imagePath: '/bin/true' },
  })
  .finish({ streamId: uid, batchSeq: 1 });

function open(value: Uint8Array) {
  return createOpenBatch()({ topic: 'raw', partition: 0, offset: 7, key: 'default:host-1', value, headers: {} });
}

describe('the door of the installation', () => {
  it('lets a well-formed batch in', () => {
    expect(open(good)).toMatchObject({ kind: 'ok', value: { hostKey: 'default:host-1', batch: { eventCount: 1 } } });
  });

  it.each([
    ['garbage', Buffer.from([1, 2, 3, 4])],
    [
      'a batch whose columns were changed',
      Uint8Array.from(good, (byte, at) => (at === good.length - 40 ? byte ^ 255 : byte)),
    ],
  ])('sends %s to the dead letters with a code', (_, value) => {
    expect(open(value)).toMatchObject({ kind: 'deadLetter', reason: 'malformed', error: { code: 'batch_malformed' } });
  });
});
