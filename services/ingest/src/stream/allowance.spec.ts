import { Allowance } from './allowance.ts';

let nowMs: number;
let allowance: Allowance;
beforeEach(() => {
  nowMs = 0;
  allowance = new Allowance({ most: 2, everyMs: 1_000, subjectsMax: 2, nowMs: () => nowMs });
});

it('gives each host so many, and again when the time is over', () => {
  expect([1, 2, 3].map(() => allowance.take('one'))).toEqual([true, true, false]);
  expect(allowance.take('two')).toBe(true);
  nowMs = 999;
  expect(allowance.take('one')).toBe(false);
  nowMs = 1_000;
  expect([1, 2, 3].map(() => allowance.take('one'))).toEqual([true, true, false]);
});

it('remembers no more hosts than it may', () => {
  for (const subject of ['one', 'one', 'two', 'three']) allowance.take(subject);
  expect(allowance.take('one')).toBe(true);
  expect([1, 2].map(() => allowance.take('three'))).toEqual([true, false]);
});
