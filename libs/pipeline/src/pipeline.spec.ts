import { deadLetter, drop, ok, redirect } from './outcome.ts';
import { each, pipeline } from './pipeline.ts';

const number = each(function parseNumber(text: string) {
  const value = Number(text);
  return Number.isNaN(value) ? deadLetter('malformed', new Error(`"${text}" is no number`)) : ok(value);
});
const positive = each(function keepPositive(value: number) {
  return value > 0 ? ok(value) : drop('not_positive');
});
const small = each(function passLarge(value: number) {
  return value > 100 ? redirect('large', value) : ok(value * 2);
});

describe('a pipeline', () => {
  it('runs its steps in order and says what became of each envelope', async () => {
    const result = await pipeline<string>('test')
      .pipe(number)
      .pipe(positive)
      .pipe(small)
      .run(['4', 'x', '-1', '500', '7']);
    expect(result.ok).toEqual([
      { source: 0, value: 8 },
      { source: 4, value: 14 },
    ]);
    expect(result.deadLettered).toEqual([{ source: 1, reason: 'malformed', error: new Error('"x" is no number') }]);
    expect(result.dropped).toEqual([{ source: 2, reason: 'not_positive' }]);
    expect(result.redirected).toEqual([{ source: 3, output: 'large', value: 500 }]);
  });

  it('throws what a step throws: an invariant is broken', async () => {
    const broken = pipeline<string>('test').pipe(() => {
      throw new Error('broken');
    });
    await expect(broken.run(['1'])).rejects.toThrow('broken');
  });

  it('does not let a step lose an envelope', async () => {
    const losing = pipeline<string>('test').pipe(function loseOne(envelopes) {
      return envelopes.slice(1).map((one) => ok(one));
    });
    await expect(losing.run(['1', '2'])).rejects.toThrow('Step loseOne gave 1 outcomes for 2 envelopes');
  });
});
