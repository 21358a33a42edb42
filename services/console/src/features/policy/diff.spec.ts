// The difference of two versions of a policy, as the console shows it.
import { diffLines } from './diff.ts';

const shown = (before: string, after: string): string =>
  diffLines(before, after)
    .map(({ kind, text }) => `${{ same: ' ', removed: '-', added: '+' }[kind]}${text}`)
    .join('\n');

it.each([
  ['a\nb\nc\n', 'a\nx\nc\n', ' a\n-b\n+x\n c'],
  ['a\nb', 'b', '-a\n b'],
  ['', 'a', '+a'],
  ['a', 'a', ' a'],
  ['a\nb\nc\nd', 'b\nd\ne', '-a\n b\n-c\n d\n+e'],
])('of %j and %j says the fewest lines', (before, after, expected) => {
  expect(shown(before, after)).toBe(expected);
});

it('shows texts that are too long to be compared as taken away and added', () => {
  const lines = (word: string): string => Array.from({ length: 3_000 }, (_, number) => `${word}${number}`).join('\n');
  const kinds = diffLines(`start\n${lines('a')}`, `start\n${lines('b')}`).map(({ kind }) => kind);
  expect([kinds.length, kinds[0], kinds[1], kinds.at(-1)]).toEqual([6_001, 'same', 'removed', 'added']);
});
