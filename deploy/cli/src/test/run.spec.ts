import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { again } from './again.ts';
import { show, tallyReports } from './run.ts';

describe('a run of tests', () => {
  it('ends when it ends, whatever it left running', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'norn-run-'));
    const pid = join(folder, 'pid');
    expect(await show('sh', ['-c', `sleep 60 & echo $! > ${pid}; exit 3`], { cwd: '/', out: 'ignore' })).toBe(3);
    process.kill(Number(readFileSync(pid, 'utf8')), 'SIGKILL');
    rmSync(folder, { recursive: true });
  });
});

describe('a report that was begun and never written', () => {
  it('is a failure, also when all others are mended by a second time', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'norn-reports-'));
    const one = { fullName: 'one', status: 'failed' };
    const testResults = [
      { name: import.meta.filename, status: 'failed', startTime: 0, endTime: 1, assertionResults: [one] },
    ];
    const report = { numPassedTests: 2, numFailedTests: 1, numRuntimeErrorTestSuites: 0, testResults };
    writeFileSync(join(folder, 'a.json'), JSON.stringify(report));
    writeFileSync(join(folder, 'b.json'), '');
    const tally = tallyReports(folder);
    rmSync(folder, { recursive: true });
    const passes = () => Promise.resolve({ ...tally, passed: 1, failed: 0, failures: [] });
    expect(await again('unit', tally, passes)).toMatchObject({ passed: 3, failed: 1, unstable: ['one'] });
  });
});
