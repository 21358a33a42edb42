import { compareManifests, parseManifest } from './verdict.ts';

const file = { kind: 'file', content: 'aa', mode: 33188, mtime_ns: 5, xattrs: {} };

describe('the verdict on a corpus', () => {
  it('is identical when every field of every file is', () => {
    expect(compareManifests({ a: file }, { a: { ...file } })).toEqual({
      identical: true,
      files: 1,
      differences: [],
      differing: 0,
    });
  });

  it('sees a difference of one nanosecond', () => {
    const [before, after] = [1_700_000_000_123_456_789n, 1_700_000_000_123_456_788n].map((time) =>
      parseManifest(`{"a":{"kind":"file","mtime_ns":${String(time)}}}`),
    );
    expect(compareManifests(before!, after!).differences).toEqual(['a: mtime_ns']);
  });

  it('names what differs of a file', () => {
    const { identical, differences } = compareManifests({ a: file }, { a: { ...file, content: 'bb', mtime_ns: 6 } });
    expect([identical, differences]).toEqual([false, ['a: content, mtime_ns']]);
  });

  it('lets a file occupy less, or one page more, but not lose its holes', () => {
    const sparse = { ...file, allocated: 8192 };
    const differences = (allocated: number): readonly string[] =>
      compareManifests({ a: sparse }, { a: { ...sparse, allocated } }).differences;
    expect([differences(0), differences(12_288), differences(12_800)]).toEqual([[], [], ['a: allocated']]);
  });

  it('sees that two names are no longer one file', () => {
    const pair = { a: { ...file, same_as: 'b' }, b: { ...file, same_as: 'a' } };
    const parted = { a: { ...file, same_as: null }, b: { ...file, same_as: null } };
    expect(compareManifests(pair, parted).differences).toEqual(['a: same_as', 'b: same_as']);
  });

  it('counts all differences and names the first fifty', () => {
    const many = Object.fromEntries(Array.from({ length: 60 }, (_, number) => [`f${String(number)}`, file]));
    const { differences, differing } = compareManifests(many, {});
    expect([differences.length, differing]).toEqual([50, 60]);
  });

  it('names files that are gone and files that were not there', () => {
    expect(compareManifests({ a: file }, { b: file }).differences).toEqual(['a: gone', 'b: not there before']);
  });
});
