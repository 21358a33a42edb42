// `norn check`: format, lint, types, layers, proto, clippy; each with its time and result.
import type { Command } from 'commander';
import { messageOf } from '@norn/base';
import { runCommand } from '@norn/embedded';
import { write } from '../print/columns.ts';
import { provideSystem } from '../provide-system.ts';
import { rustChecks, typeScriptChecks, type Check } from './checks.ts';

interface Result {
  readonly name: string;
  readonly problem: string;
}

export function registerCheckCommand(program: Command): void {
  program
    .command('check')
    .description('Format, lint, types, layers, proto, clippy: what must hold before anything is tested')
    .action(check);
}

async function check(): Promise<void> {
  const begun = performance.now();
  await provideSystem({ browser: false, containers: false, hooked: false });
  // Two lanes for two cores: one is Node's, one is cargo's.
  const lanes = [await typeScriptChecks(), rustChecks()];
  const results = (await Promise.all(lanes.map(runInOrder))).flat();
  const failed = results.filter(({ problem }) => problem !== '');
  for (const { name, problem } of failed) write(`\n✘ ${name}\n${problem}`);
  const passed = results.length - failed.length;
  write(`\n${passed} checks passed, ${failed.length} failed in ${seconds(begun)}`);
  if (failed.length > 0) process.exitCode = 1;
}

async function runInOrder(checks: readonly Check[]): Promise<Result[]> {
  const results: Result[] = [];
  for (const one of checks) results.push(await run(one));
  return results;
}

async function run({ name, command, args, cwd }: Check): Promise<Result> {
  const begun = performance.now();
  try {
    await runCommand(command, args, { cwd, linesShown: 60 });
    write(`✔ ${name.padEnd(22)} ${seconds(begun)}`);
    return { name, problem: '' };
  } catch (error) {
    write(`✘ ${name.padEnd(22)} ${seconds(begun)}`);
    return { name, problem: messageOf(error) };
  }
}

function seconds(begun: number): string {
  return `${((performance.now() - begun) / 1000).toFixed(1).padStart(5)} s`;
}
