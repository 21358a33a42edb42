// Runs one runner and gives back its tally; what it says is shown as it says it.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processEnvironment } from '@norn/config';
import { repository } from '../installation/installation.ts';
import { reports, runNextest } from './nextest.ts';
import type { Kind, TestRun } from './plan.ts';
import { add, died, nothing, tallyJest, tallyNextest, type Tally } from './tally.ts';

export async function runTests(run: TestRun, byPattern: boolean): Promise<Tally> {
  switch (run.runner) {
    case 'nx':
      return runNx(run);
    case 'jest':
      return runJest(run, byPattern);
    case 'nextest':
      return runAgents(run);
  }
}

/** Every target begins with an empty report and ends with a written one. Nx brings back those of targets that it has in its cache. */
async function runNx(run: TestRun): Promise<Tally> {
  rmSync(reports, { recursive: true, force: true });
  const exitCode = await showNx([...run.args, '--outputStyle', 'stream-without-prefixes'], run.kind);
  return withDeaths(exitCode, tallyReports());
}

async function runAgents(run: TestRun): Promise<Tally> {
  rmSync(reports, { recursive: true, force: true });
  return withDeaths(await runNextest(run.args), tallyReports());
}

/** One that is empty counts as a failure, whatever else failed: its program died. */
export function tallyReports(folder = reports): Tally {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const tallies = names.map((name) => {
    const text = readFileSync(join(folder, name), 'utf8');
    if (text === '') return died;
    return name.endsWith('.xml') ? tallyNextest(text) : tallyJest(text, false);
  });
  return tallies.reduce(add, nothing);
}

/** What does not compile, or dies before it could report, is one failure. */
function withDeaths(exitCode: number, tally: Tally): Tally {
  return exitCode !== 0 && tally.failed === 0 ? { ...tally, failed: 1 } : tally;
}

async function runJest(run: TestRun, byPattern: boolean): Promise<Tally> {
  const folder = mkdtempSync(join(tmpdir(), 'norn-tests-'));
  const report = join(folder, 'report.json');
  const jest = join(repository, 'node_modules/jest/bin/jest.js');
  try {
    const args = [
      '--disable-warning=TimeoutNegativeWarning',
      jest,
      '--json',
      `--outputFile=${report}`,
      '--forceExit',
      ...run.args,
    ];
    const exitCode = await show(process.execPath, args, { cwd: run.cwd, out: 'ignore', kind: run.kind });
    try {
      return tallyJest(readFileSync(report, 'utf8'), byPattern);
    } catch {
      return { ...nothing, failed: exitCode === 0 ? 0 : 1 }; // Jest ended before it could report.
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Shown {
  readonly cwd: string;
  readonly out: 'inherit' | 'ignore';
  readonly kind?: Kind | undefined;
}

/** Runs it to its end, and shows what it prints. Returns its exit code. */
export function show(command: string, args: readonly string[], { cwd, out, kind }: Shown): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: environment(kind), stdio: ['ignore', out, 'inherit'] });
    child.once('error', reject);
    child.once('exit', (code) => {
      resolve(code ?? 1);
    });
  });
}

/** Runs Nx, which says itself what it does. */
export function showNx(args: readonly string[], kind?: Kind): Promise<number> {
  const nx = join(repository, 'node_modules/nx/dist/bin/nx.js');
  return show(process.execPath, [nx, ...args], { cwd: repository, out: 'inherit', kind });
}

/** Tests make their own homes and ports; the caller's installation is none of theirs. What is long is tried with the agent that ships. */
function environment(kind: Kind | undefined): NodeJS.ProcessEnv {
  const kept = Object.entries(processEnvironment()).filter(([name]) => !installationNames.has(name));
  const agent = kind === 'long' || kind === 'kubernetes' ? 'release' : 'dev';
  return { NORN_AGENT_PROFILE: agent, ...Object.fromEntries(kept), TESTCONTAINERS_RYUK_DISABLED: 'true' };
}

const installationNames = new Set(['NORN_HOME', 'NORN_PORT_BASE']);
