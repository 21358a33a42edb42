import { median, percentile, percentiles } from './percentiles.ts';

const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);

describe('percentiles', () => {
  it('are values that were measured, by nearest rank', () => {
    expect(percentiles(hundred)).toEqual({ p50: 50, p99: 99, max: 100 });
    expect(median([7, 1, 3, 5])).toBe(3);
  });

  it('of one value are that value', () => {
    expect(percentiles([4])).toEqual({ p50: 4, p99: 4, max: 4 });
  });

  it('of nothing are not numbers', () => {
    expect(percentile([], 0.99)).toBeNaN();
  });
});
