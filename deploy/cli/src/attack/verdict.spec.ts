import { compareManifests } from './verdict.ts';

const file = { kind: 'file', content: 'aa', mode: 33188, mtime_ns: 5, xattrs: {} };

describe('the verdict on a corpus', () => {
  it('is identical when every field of every file is', () => {
    expect(compareManifests({ a: file }, { a: { ...file } })).toEqual({ identical: true, files: 1, differences: [] });
  });

  it('names what differs of a file', () => {
    const { identical, differences } = compareManifests({ a: file }, { a: { ...file, content: 'bb', mtime_ns: 6 } });
    expect([identical, differences]).toEqual([false, ['a: content, mtime_ns']]);
  });

  it('names files that are gone and files that were not there', () => {
    expect(compareManifests({ a: file }, { b: file }).differences).toEqual(['a: gone', 'b: not there before']);
  });
});
