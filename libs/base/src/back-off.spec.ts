import { backOffMs } from './back-off.ts';

describe('a wait after a failure', () => {
  it('doubles with each that went before, up to the most', () => {
    const waits = [0, 1, 2, 3, 4].map((failures) => backOffMs(failures, { firstMs: 100, mostMs: 1_000 }));
    expect(waits).toEqual([100, 200, 400, 800, 1_000]);
  });

  it('stays at the most, however many went before', () => {
    expect(backOffMs(100_000, { firstMs: 100, mostMs: 1_000 })).toBe(1_000);
  });
});
