// How values read on a page.
import {
  baseName,
  bytes,
  capital,
  clock,
  compact,
  date,
  exact,
  grouped,
  mode,
  octal,
  offset,
  relative,
} from './format.ts';

const now = Date.parse('2026-11-24T14:02:11.038Z');
const ago = (ms: number): string => relative(new Date(now - ms).toISOString(), now);

it.each([
  [0, 'now'],
  [4_400, 'now'],
  [5_000, '5 s ago'],
  [59_000, '59 s ago'],
  [60_000, '1 min ago'],
  [3_599_000, '59 min ago'],
  [3_600_000, '1 h ago'],
  [86_399_000, '23 h ago'],
  [86_400_000, '1 d ago'],
  [-120_000, 'in 2 min'],
])('%d ms ago reads %s', (ms, text) => {
  expect(ago(ms)).toBe(text);
});

it.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1.0 KB'],
  [9_940, '9.9 KB'],
  [12_345, '12 KB'],
  [1_500_000, '1.5 MB'],
  [2_000_000_000_000_000, '2000 TB'],
])('%d bytes read %s', (size, text) => {
  expect(bytes(size)).toBe(text);
});

it.each([
  [0, '+0.0 ms'],
  [38_000, '+38 ms'],
  [-900_000, '−900 ms'],
  [1_500_000, '+1.5 s'],
  [90_000_000, '+2 min'],
  [7_200_000_000, '+2 h'],
])('%d µs after the first act read %s', (us, text) => {
  expect(offset(us)).toBe(text);
});

it('groups counts, and shortens those from ten thousand on', () => {
  expect([grouped(48_210_733), compact(9_999), compact(48_210_733)]).toEqual(['48,210,733', '9,999', '48.2M']);
});

it('writes mode bits as ls has them, without the kind of file', () => {
  expect([mode(0o100644), mode(0o755), octal(0o104755)]).toEqual(['rw-r--r-- 0644', 'rwxr-xr-x 0755', '4755']);
});

it('says what is not known in place of a time', () => {
  expect([relative(''), clock(''), date(''), exact('')]).toEqual(['–', '–', '–', 'unknown']);
});

it('keeps milliseconds on a clock unless they say nothing', () => {
  const time = '2026-11-24T14:02:11.038Z';
  expect(clock(time)).toMatch(/^\d\d:\d\d:11\.038$/);
  expect(clock(time, false)).toMatch(/^\d\d:\d\d:11$/);
  expect(exact(time)).toContain(time);
});

it('names a file by its last part, and a folder by its whole path', () => {
  expect([baseName('/srv/data/orders.csv'), baseName('orders.csv'), baseName('/srv/')]).toEqual([
    'orders.csv',
    'orders.csv',
    '/srv/',
  ]);
});

it('begins a word with a capital', () => {
  expect([capital('open'), capital('')]).toEqual(['Open', '']);
});
