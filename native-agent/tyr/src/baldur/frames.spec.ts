import { FrameReader, encodeFrame } from './frames.ts';

const texts = (frames: readonly Buffer[]) => frames.map((frame) => frame.toString());

describe('FrameReader', () => {
  it('puts frames together however the socket cuts them', () => {
    const stream = Buffer.concat(
      ['one', '', 'three'.repeat(1000), 'four'].map((text) => encodeFrame(Buffer.from(text))),
    );
    for (const size of [1, 2, 3, 5, 7, 4096, stream.length]) {
      const reader = new FrameReader();
      const frames: string[] = [];
      for (let at = 0; at < stream.length; at += size) {
        frames.push(...texts(reader.push(stream.subarray(at, at + size))));
      }
      expect(frames).toEqual(['one', '', 'three'.repeat(1000), 'four']);
    }
  });

  it('refuses a length that no frame has, before it is there', () => {
    const reader = new FrameReader();
    expect(() => reader.push(Buffer.from([0xff, 0xff, 0xff, 0xff]))).toThrow(/frame of 4294967295 bytes/);
  });
});
