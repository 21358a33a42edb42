// What `./norn deadletters` refuses before it asks anybody, and how it ends when something was not done.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { flow } from '@norn/bus/flow';
import { Outcomes } from './outcomes.ts';

const register = pathToFileURL(join(import.meta.dirname, '../../../runtime/register.mjs')).href;
const main = join(import.meta.dirname, '../main.ts');

/** What it says, when it exits with 1 and has nothing to answer. */
function refusalOf(...args: string[]): string {
  const env = { ...process.env, NODE_OPTIONS: '' };
  const run = spawnSync(process.execPath, ['--import', register, main, 'deadletters', ...args], { env });
  expect([run.status, run.stdout.toString()]).toEqual([1, '']);
  return run.stderr.toString();
}

describe('deadletters', () => {
  it('names the stages when it is asked for one that there is not', () => {
    expect(refusalOf('list', '--stage', 'bogus')).toContain(flow.map(({ name }) => name).join(', '));
  });

  it('takes ids or --all, and says which of the two is wrong', () => {
    expect(refusalOf('drop', '--all', '0-3')).toMatch(/was given ids and --all/);
    expect(refusalOf('replay')).toMatch(/must know which/);
  });
});

describe('an outcome', () => {
  const written: string[] = [];
  beforeEach(() => {
    written.length = 0;
    jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
      written.push(String(text));
      return true;
    });
  });
  afterEach(() => {
    jest.restoreAllMocks();
    process.exitCode = undefined;
  });

  it('is told of at once, and one that was not wanted ends the command with 1', () => {
    const outcomes = new Outcomes('replay', 2);
    outcomes.add('0-1', 'replayed');
    expect([written, process.exitCode]).toEqual([['0-1  replayed\n'], undefined]);
    outcomes.add('0-2', 'not replayed: was dropped before');
    expect([written.length, process.exitCode]).toEqual([2, 1]);
  });

  it('is one value with all others as JSON', () => {
    const outcomes = new Outcomes('drop', 1, true);
    outcomes.add('0-1', 'dropped');
    expect(written).toEqual([]);
    outcomes.end();
    expect(JSON.parse(written.join(''))).toEqual([{ id: '0-1', outcome: 'dropped' }]);
  });
});
