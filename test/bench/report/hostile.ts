// The scoreboard of hostile use: each line is what tests of the boundary say when they are run now. What nobody tests is said, not left out.
import { join } from 'node:path';
import { type Tally, type TestRun, repository, runTests } from '@norn/cli';
import type { Tell } from '../../attack/play.ts';
import { type LineResult, waysTotal } from './hostile-section.ts';

interface Line extends Pick<LineResult, 'what' | 'aim' | 'ways'> {
  /** None: nobody tests it yet. */
  readonly runs: readonly TestRun[];
}

const jest = (file: string, name?: string): TestRun => ({
  kind: 'unit',
  runner: 'jest',
  args: ['--runInBand', '--roots', '.', '--testPathPatterns', file, ...(name === undefined ? [] : ['-t', name])],
  cwd: repository,
});

const nextest = (filter: string): TestRun => ({
  kind: 'unit',
  runner: 'nextest',
  args: ['run', '--workspace', '--locked', '--run-ignored', 'all', '--test-threads', '1', '-E', filter],
  cwd: join(repository, 'native-agent'),
});

const lines: readonly Line[] = [
  { what: 'Stores and sockets that a local user reaches', aim: '0', runs: [jest('test/long/local-user')] },
  {
    what: 'Forged records that become commands',
    aim: '0',
    runs: [jest('test/remediation/forged-records'), jest('test/bus/signed-records')],
  },
  { what: 'Racing restores that leave their folder', aim: '0', runs: [nextest('test(symlink_race) + test(races::)')] },
  {
    what: 'Ways of root that are told within 30 s',
    aim: `${String(waysTotal)} of ${String(waysTotal)}`,
    runs: [jest('test/e2e/tamper'), jest('test/e2e/join'), jest('test/long/join')],
    ways: [
      [1, 'stops Baldur and lets it be'],
      [3, 'ends all of its agent at once'],
      [4, 'stops Baldur and lets it be'],
      [5, 'all of its agent is held'],
      ...[6, 7, 8, 9, 10, 11, 12, 13, 18, 20].map((way) => [way, `(${String(way)}): is told`] as const),
      [25, 'a copy of its disk speaks'],
    ],
  },
  { what: 'Enrolments as a host that is there', aim: '0', runs: [jest('services/ingest/test/enrolment')] },
  { what: 'Messages that count against no quota', aim: '0', runs: [jest('services/ingest/test/quota')] },
  { what: 'Refusals missing in the audit trail', aim: '0', runs: [jest('services/api/test/access.test')] },
  {
    what: 'Container impostors that are believed',
    aim: '0',
    runs: [nextest('test(cgroups::) + test(a_users_group)')],
  },
  {
    what: 'Actions by io_uring that are seen like system calls',
    aim: 'all',
    runs: [nextest('test(uring::) + test(ways::)')],
  },
];

/** Runs them all, one after the other: minutes, and nothing else may load the machine meanwhile. */
export async function measureHostile(tell: Tell): Promise<LineResult[]> {
  const results: LineResult[] = [];
  for (const [index, { what, aim, ways, runs }] of lines.entries()) {
    tell(`[${String(index + 1)}/${String(lines.length)}] ${what}`);
    const tallies: Tally[] = [];
    for (const run of runs) tallies.push(await runTests(run, true));
    const tally = tallies.length === 0 ? undefined : sum(tallies);
    results.push({ what, aim, tally, ...(ways && { ways }) });
  }
  return results;
}

function sum(tallies: readonly Tally[]): NonNullable<LineResult['tally']> {
  return {
    passed: tallies.reduce((all, { passed }) => all + passed, 0),
    failed: tallies.reduce((all, { failed }) => all + failed, 0),
    failures: tallies.flatMap(({ failures }) => failures),
  };
}
