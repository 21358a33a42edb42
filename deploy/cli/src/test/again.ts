// What failed is run again, alone: a test that passes then is unstable, which is counted and named and does not hold a change up.
import { planAgain, type Kind, type TestRun } from './plan.ts';
import type { Failure, Tally } from './tally.ts';

/** Of one run. When more fail, it is the change or the machine that is ill, and no single test. */
export const againMax = 8;

/** The tally with what passed at the second time as passed and unstable. */
export async function again(
  kind: Kind,
  tally: Tally,
  runOnce: (run: TestRun, failure: Failure) => Promise<Tally>,
): Promise<Tally> {
  if (tally.failed === 0 || tally.failed > againMax) return tally;
  let result = tally;
  for (const failure of tally.failures) {
    const alone = planAgain(kind, failure);
    if (alone === undefined) continue;
    const { passed, failed } = await runOnce(alone, failure);
    if (failed > 0 || passed === 0) continue;
    const left = result.failures.filter((one) => one !== failure);
    const unstable = [...result.unstable, failure.test || failure.file];
    result = { ...result, passed: result.passed + passed, failed: result.failed - 1, failures: left, unstable };
  }
  return result;
}
