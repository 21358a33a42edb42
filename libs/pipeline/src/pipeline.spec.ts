import { type Ok, deadLetter, drop, ok, redirect } from './outcome.ts';
import { type Pipeline, each, pipeline } from './pipeline.ts';

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
    const large: unknown[] = [];
    const result = await pipeline<string>('test')
      .pipe(number)
      .pipe(positive)
      .pipe(small)
      .redirect('large', (left) => {
        large.push(...left);
      })
      .run(['4', 'x', '-1', '500', '7']);
    expect(result.ok).toEqual([
      { source: 0, value: 8 },
      { source: 4, value: 14 },
    ]);
    expect(result.deadLettered).toEqual([{ source: 1, reason: 'malformed', error: new Error('"x" is no number') }]);
    expect(result.dropped).toEqual([{ source: 2, reason: 'not_positive' }]);
    expect(large).toEqual([{ source: '500', value: 500 }]);
  });

  it('does not compile while it redirects to an output that leads nowhere', () => {
    const open = pipeline<string>('test').pipe(number).pipe(small);
    // @ts-expect-error -- nobody takes what is large
    const run = () => open.run(['500']);
    // @ts-expect-error -- no step has such an output
    const misspelt = () => open.redirect('larg', () => undefined);
    // @ts-expect-error -- dead letters lead nowhere
    const closed: Pipeline<string, number> = open.redirect('large', () => undefined);
    const whole: Pipeline<string, number> = open.redirect('large', () => undefined).deadLetter(() => undefined);
    expect([run, misspelt, closed, whole]).toHaveLength(4);
  });

  it('goes on when what was refused is where the flow sends it', async () => {
    const told: string[] = [];
    const say = (what: string) => async (): Promise<void> => {
      await Promise.resolve();
      told.push(what);
    };
    const whole = pipeline<string>('test')
      .pipe(number)
      .deadLetter(say('refused'))
      .pipe(function effect(values) {
        told.push(`effect of ${values.join()}`);
        return values.map((value) => ok(value));
      });
    await whole.run(['x', '1']);
    await whole.run(['2']);
    await whole.run(['y']);
    expect(told).toEqual(['refused', 'effect of 1', 'effect of 2', 'refused']);
  });

  it('throws what a step throws: an invariant is broken', async () => {
    const broken = pipeline<string>('test').pipe((): Ok<string>[] => {
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
