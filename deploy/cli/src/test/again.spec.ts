// What becomes of a test that failed once.
import { join } from 'node:path';
import { repository } from '../installation/installation.ts';
import { again, againMax } from './again.ts';
import { planAgain } from './plan.ts';
import { nothing, type Failure, type Tally } from './tally.ts';

const failureOf = (test: string, file = ''): Failure => ({ test, file });
const failed = (...failures: Failure[]): Tally => ({ ...nothing, passed: 5, failed: failures.length, failures });
const passes = () => Promise.resolve({ ...nothing, passed: 1 });
const fails = () => Promise.resolve({ ...nothing, failed: 1 });

describe('a test that failed', () => {
  it('is unstable when it passes alone, and counted so', async () => {
    const result = await again('unit', failed(failureOf('follow::tests::a'), failureOf('b')), (_, { test }) =>
      test === 'b' ? fails() : passes(),
    );
    expect(result).toMatchObject({ passed: 6, failed: 1, failures: [{ test: 'b' }], unstable: ['follow::tests::a'] });
  });

  it('has failed when nothing of its name ran', async () => {
    expect(await again('unit', failed(failureOf('a')), () => Promise.resolve(nothing))).toMatchObject({ failed: 1 });
  });

  it('has failed when many others did, or the runner has no name for it', async () => {
    const many = Array.from({ length: againMax + 1 }, (_, at) => failureOf(`t${at}`));
    for (const tally of [failed(...many), { ...nothing, failed: 1 }])
      expect(await again('unit', tally, passes)).toEqual(tally);
  });

  it.each([
    [failureOf('restores_under_an_owner_who_races_give_nobody_anything')],
    [failureOf('restore::tests::races::what_took_a_programs_name_does_not_become_privileged')],
    [failureOf('a_restore_is_undone_and_done_again')],
    [failureOf('two members', join(repository, 'test/stages/rebalance.test.ts'))],
  ])('of exactness, hostile use and rollback has failed', async (failure) => {
    expect(await again('unit', failed(failure), passes)).toMatchObject({ failed: 1, unstable: [] });
  });

  it('is run by its whole name, and in jest in its file', () => {
    const file = join(repository, 'libs/base/src/back-off.spec.ts');
    const args = planAgain('unit', failureOf('a file (of two) is read', file))?.args;
    expect(args?.slice(-2)).toEqual(['--testNamePattern', '^a file \\(of two\\) is read$']);
    expect(args).toContain(file);
    expect(planAgain('kernel', failureOf('exec::exec'))?.args.join(' ')).toBe(
      'run --workspace --locked --no-tests pass --run-ignored only --test-threads 1 -E test(=exec::exec)',
    );
  });
});
