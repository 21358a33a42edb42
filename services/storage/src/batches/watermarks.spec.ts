import { Watermarks } from './watermarks.ts';

const stream = { tenantId: 'default', hostId: 'host-1', streamIdHex: 'aa' };

describe('a stream’s watermark', () => {
  it('is asked once, and then known', async () => {
    const asked: number[] = [];
    const watermarks = new Watermarks((_, sinceUs) => {
      asked.push(sinceUs);
      return Promise.resolve(5);
    });
    const take = (batchSeq: number): Promise<boolean> => watermarks.take(0, stream, { batchSeq, timeUs: 1_000 });
    expect([await take(5), await take(6), await take(6), await take(9), await take(8)]).toEqual([
      false,
      true,
      false,
      true,
      false,
    ]);
    expect(asked).toEqual([1_000]);
  });

  it('is asked again when the partition was somebody else’s', async () => {
    let stored = 0;
    const watermarks = new Watermarks(() => Promise.resolve(stored));
    expect(await watermarks.take(0, stream, { batchSeq: 1, timeUs: 1 })).toBe(true);
    stored = 4;
    watermarks.forget(0);
    expect(await watermarks.take(0, stream, { batchSeq: 4, timeUs: 1 })).toBe(false);
  });
});
