// What `./norn deadletters` refuses before it asks anybody, and how it ends when something was not done.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { flow } from '@norn/bus/flow';
import { Outcomes } from './outcomes.ts';
import { falseNotesText } from './text.ts';

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

describe('notes that nobody signed who may', () => {
  it('are told of by reason, with the letters that they are about', () => {
    const reasons = { record_unsigned: 1_200, signer_foreign: 1 };
    expect(falseNotesText({ total: 1_201, reasons, letters: ['0-7', '1-9'] })).toMatch(
      /^1,201 notes .* count for nothing \(record_unsigned 1,200, signer_foreign 1\); about 0-7, 1-9$/,
    );
    expect(falseNotesText({ total: 1, reasons: { signature_wrong: 1 }, letters: [] })).toMatch(
      /\(signature_wrong 1\)$/,
    );
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
