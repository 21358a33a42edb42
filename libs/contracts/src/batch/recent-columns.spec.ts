import { zstdCompressSync } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import { EventColumnsSchema } from '../gen/norn/event/v1/event_pb.ts';
import { type ColumnsFrame, RecentColumns } from './recent-columns.ts';

const plenty = 1_000_000;

describe('RecentColumns', () => {
  it('opens the same columns once', () => {
    const recent = new RecentColumns(plenty);
    const first = recent.open('one', frameOf('a'));
    expect(recent.open('other', frameOf('b'))).not.toBe(first);
    expect(recent.open('one', frameOf('a'))).toBe(first);
  });

  it.each([
    ['other bytes', frameOf('b')],
    ['another number of events', { ...frameOf('a'), eventCount: 1 }],
  ])('does not take %s under the same name for the same', (_, other: ColumnsFrame) => {
    const recent = new RecentColumns(plenty);
    const columns = recent.open('one', frameOf('a'));
    expect(readOrError(() => recent.open('one', other))).not.toEqual(columns);
  });

  it('keeps what it has when other bytes do not open', () => {
    const recent = new RecentColumns(plenty);
    const columns = recent.open('one', frameOf('a'));
    expect(() => recent.open('one', { ...frameOf('b'), compressed: Buffer.from('nonsense') })).toThrow('not zstd');
    expect(recent.open('one', frameOf('a'))).toBe(columns);
  });

  it('is not changed by who gave the bytes', () => {
    const recent = new RecentColumns(plenty);
    const frame = frameOf('a');
    const columns = recent.open('one', frame);
    frame.compressed.fill(0);
    expect(recent.open('one', frameOf('a'))).toBe(columns);
  });

  it('forgets the oldest beyond its bound', () => {
    const recent = new RecentColumns(3 * 4_500);
    const names = ['one', 'two', 'three', 'four'];
    const opened = names.map((name) => recent.open(name, frameOf(name)));
    expect(recent.open('four', frameOf('four'))).toBe(opened[3]);
    expect(recent.open('two', frameOf('two'))).toBe(opened[1]);
    expect(recent.open('one', frameOf('one'))).not.toBe(opened[0]);
  });
});

/** Of no events, with one string. */
function frameOf(text: string): ColumnsFrame {
  const strings = Buffer.concat([Buffer.of(text.length), Buffer.from(text)]);
  const columns = toBinary(EventColumnsSchema, create(EventColumnsSchema, { strings }));
  return { compressed: zstdCompressSync(columns), size: columns.length, eventCount: 0 };
}

function readOrError(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    return error;
  }
}
