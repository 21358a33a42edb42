import { counted, durationOf, listed, timeOf } from './words.ts';

describe('words', () => {
  it.each([
    [400, '0.4 ms'],
    [38_000, '38 ms'],
    [2_300_000, '2.3 s'],
    [240_000_000, '4 min'],
  ])('reads %i µs as %s', (micros, words) => {
    expect(durationOf(micros)).toBe(words);
  });

  it('keeps the microseconds of a time', () => {
    expect(timeOf(1_764_000_000_123_456n)).toBe('2025-11-24T16:00:00.123456Z');
    expect(timeOf(0)).toBe('');
  });

  it('counts and lists as people do', () => {
    expect([counted(1, 'file'), counted(2000, 'process', 'processes')]).toEqual(['1 file', '2,000 processes']);
    expect([listed(['a']), listed(['a', 'b']), listed(['a', 'b', 'c'])]).toEqual(['a', 'a and b', 'a, b and c']);
  });
});
