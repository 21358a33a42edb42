// `norn test`: every test, after setting up what they need; ends with one line of figures.
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { messageOf, NornError } from '@norn/base';
import { processEnvironment } from '@norn/config';
import { endDocker, ensureDocker } from '@norn/testkit';
import { Argument, Option, type Command } from 'commander';
import { write } from '../print/columns.ts';
import { provideParts, provideSystem } from '../machine/provide-system.ts';
import { repository } from '../installation/installation.ts';
import { again } from './again.ts';
import { kinds, planRuns, type Kind, type TestRun } from './plan.ts';
import { provideKubernetes } from './kubernetes.ts';
import { runTests } from './run.ts';
import { add, longest, nothing, unexcused, type Failure, type Skip, type Tally } from './tally.ts';

export function registerTestCommand(program: Command): void {
  program
    .command('test')
    .description('Run all tests: units and real parts, this kernel, a whole installation')
    .addArgument(new Argument('[pattern]', `${kinds.join(', ')}; or part of a path (with a /) or of a test name`))
    .addOption(new Option('--only <kind>', 'one kind of tests').choices([...kinds]))
    .option('--prepare', 'only set up what tests need, and run none')
    .action(test);
}

async function test(given: string | undefined, options: { only?: Kind; prepare?: boolean }): Promise<void> {
  // `norn test kubernetes` is `norn test --only kubernetes`.
  const kind = kinds.find((one) => one === given);
  const [only, pattern] = kind ? [kind, undefined] : [options.only, given];
  await provideSystem({
    browser: only !== 'unit' && only !== 'kubernetes',
    containers: true,
    hooked: only === undefined || only === 'unit',
  });
  await provideParts();
  if (options.prepare) return;
  await offerDocker();
  if (only === 'kubernetes') await provideKubernetes(write);
  const tally = await runAll(planRuns(only, pattern), pattern !== undefined).finally(endDocker);
  if (pattern !== undefined && tally.passed + tally.failed + tally.skipped.length === 0)
    throw new NornError('tests_not_found', `No test has «${pattern}» in its name, and no file of tests in its path`);
  report(tally);
}

async function runAll(runs: readonly TestRun[], byPattern: boolean): Promise<Tally> {
  let tally: Tally = nothing;
  for (const run of runs) {
    write(`\n── ${run.kind}: ${run.runner} ${run.args.slice(0, 3).join(' ')}`);
    const began = Date.now();
    tally = add(tally, await runAndRepeat(run, byPattern));
    write(`── ${run.kind}: ${run.runner} took ${seconds(Date.now() - began)}`);
  }
  return tally;
}

async function runAndRepeat(run: TestRun, byPattern: boolean): Promise<Tally> {
  const tally = await runTests(run, byPattern);
  return again(run.kind, tally, (alone, failure) => {
    write(`\n── ${run.kind}: again, alone: ${nameOf(failure)}`);
    return runTests(alone, true);
  });
}

// Tests that need containers say so themselves; all others run without.
async function offerDocker(): Promise<void> {
  try {
    await ensureDocker();
  } catch (error) {
    write(`Docker does not run (${messageOf(error)}): tests with containers will fail`);
  }
}

function report(tally: Tally): void {
  const { skips } = JSON.parse(readFileSync(join(repository, 'test/skips.json'), 'utf8')) as { skips: Skip[] };
  const inCi = processEnvironment()['CI'] === 'true';
  const refused = inCi ? unexcused(tally.skipped, skips) : [];
  for (const name of refused) write(`Skipped without a reason in test/skips.json: ${name}`);
  showTimes(tally);
  const failed = tally.failed + refused.length;
  const skipped = tally.skipped.length - refused.length;
  showOdd(tally);
  write(`\n${tally.passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  if (failed > 0) process.exitCode = 1;
}

function nameOf({ test, file }: Failure): string {
  return [file === '' ? '' : relative(repository, file), test].filter((part) => part !== '').join(': ');
}

/** Before the figures, which are the last line: CI shows little of what was said before. */
function showOdd({ failures, unstable }: Tally): void {
  if (failures.length > 0) write('\nFailed:');
  for (const failure of failures) write(`  ${nameOf(failure)}`);
  if (unstable.length > 0) write(`\nunstable: ${unstable.length}: ${unstable.join(', ')}`);
}

const timesShown = 12;

function showTimes({ times }: Tally): void {
  const files = longest(times, timesShown);
  if (files.length < 2) return;
  write('\nLongest files of tests:');
  for (const { name, ms } of files)
    write(`  ${seconds(ms).padStart(7)}  ${name.startsWith('/') ? relative(repository, name) : name}`);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
