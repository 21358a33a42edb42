import { HuntTurns, turnLimits } from './hunt-turns.ts';

/** Work that lasts until it is told to end. */
function work(): { started: boolean; end: () => void; readonly run: () => Promise<string> } {
  const { promise, resolve } = Promise.withResolvers<string>();
  const one = {
    started: false,
    end: () => {
      resolve('done');
    },
    run: () => {
      one.started = true;
      return promise;
    },
  };
  return one;
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the turns of hunts', () => {
  it('run a few of a tenant at once, the others in the order they came, and other tenants beside them', async () => {
    const turns = new HuntTurns();
    const [all, other] = [Array.from({ length: 4 }, work), work()];
    const taken = all.map((one) => turns.take('one', one.run));
    const beside = turns.take('two', other.run);
    await settle();
    expect([...all, other].map(({ started }) => started)).toEqual([true, true, false, false, true]);
    all[1]!.end();
    await taken[1];
    await settle();
    expect(all.map(({ started }) => started)).toEqual([true, true, true, false]);
    for (const one of [...all, other]) one.end();
    expect(await Promise.all([...taken, beside])).toEqual(Array.from({ length: 5 }, () => 'done'));
  });

  it('refuse what would wait too long, and go on when one is done', async () => {
    const turns = new HuntTurns();
    const all = Array.from({ length: turnLimits.atOnce + turnLimits.waiting }, work);
    const taken = all.map((one) => turns.take('one', one.run));
    await expect(turns.take('one', work().run)).rejects.toMatchObject({ code: 'hunts_exhausted' });
    for (const one of all) one.end();
    await Promise.all(taken);
    const after = work();
    after.end();
    expect(await turns.take('one', after.run)).toBe('done');
  });

  it('pass on when work fails, and skip who went away', async () => {
    const turns = new HuntTurns();
    const gone = new AbortController();
    const [broken, skipped, last] = [Promise.withResolvers<string>(), work(), work()];
    const taken = [
      turns.take('one', () => broken.promise),
      turns.take('one', () => broken.promise),
      turns.take('one', skipped.run, gone.signal),
      turns.take('one', last.run),
    ];
    gone.abort();
    last.end();
    broken.reject(new Error('broken'));
    const ends = await Promise.allSettled(taken);
    expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected', 'fulfilled']);
    expect(skipped.started).toBe(false);
  });
});
