import { startProgress } from './progress.ts';

describe('progress', () => {
  it('says what is done and how long the rest may take, by the pace so far', () => {
    const told: string[] = [];
    let nowMs = 1_000;
    const progress = startProgress(
      4,
      (line) => told.push(line),
      () => nowMs,
    );
    nowMs += 20_000;
    progress.step('a');
    nowMs += 100_000;
    progress.step('b');
    progress.step('c');
    progress.step('d');
    expect(told).toEqual(['[1/4] a · 60 s left', '[2/4] b · 2 min left', '[3/4] c · 40 s left', '[4/4] d']);
  });
});
