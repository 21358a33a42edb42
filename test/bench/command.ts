// `norn bench pipeline|rules|sensor|hooks|latency|rollback`: figures, as a table for people and JSON for machines.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { NornError } from '@norn/base';
import { provideParts, provideSystem, registerFile, repository } from '@norn/cli';
import { Argument, Option, type Command } from 'commander';
import { showLatency } from './latency.ts';
import { registerReportCommand } from './report/command.ts';
import { rollbackPartNames, showRollback, type RollbackFlags } from './rollback/rollback.ts';

const benches = ['pipeline', 'rules', 'sensor', 'hooks', 'latency', 'rollback'] as const;
type Bench = (typeof benches)[number];

export function registerBenchCommand(program: Command): void {
  const measure = program
    .command('bench')
    .description(
      'Measure: what the pipeline takes per core, what rules cost an event, what the sensor costs a host, what hooks cost a program, how soon an alert is there, whether attacks are undone and ordinary work is left alone',
    )
    .addArgument(new Argument('<what>', 'what to measure').choices(benches))
    .option('--json', 'figures as JSON alone')
    .addOption(new Option('--only <half>', 'rollback: one part of it').choices(rollbackPartNames))
    .option('--files <count>', 'rollback: files in the corpus of an attack', '5000')
    .option('--rounds <count>', 'rollback: how often each attack is played (1), each cost measured (3)')
    .option('--entries <count>', "rollback: files in the vault when the agent's memory is read", '100000')
    .option('--select <names>', 'rollback: only rows with one of these words, comma-separated', '')
    .action(bench);
  registerReportCommand(measure);
}

async function bench(what: Bench, options: RollbackFlags): Promise<void> {
  if (what === 'latency') {
    await showLatency(options);
    return;
  }
  if (what === 'rollback') {
    process.exitCode = await showRollback(options);
    return;
  }
  if (what === 'rules') {
    process.exitCode = await runLoad('rules-bench.main.ts', options.json ? ['--json'] : []);
    return;
  }
  await provideSystem({ browser: false, containers: false, hooked: false });
  const flags = options.json ? ['--json'] : [];
  process.exitCode = await { pipeline: benchPipeline, sensor: benchSensor, hooks: benchHooks }[what](flags);
}

async function benchPipeline(flags: readonly string[]): Promise<number> {
  await provideParts();
  return runLoad('pipeline-bench.main.ts', flags);
}

function runLoad(name: string, flags: readonly string[]): Promise<number> {
  const main = join(repository, 'test/load', name);
  if (!existsSync(main)) throw new NornError('bench_missing', `${main} is not in this checkout`);
  const nodeFlags = ['--disable-warning=TimeoutNegativeWarning', '--external-memory-accounted-in-global-limit'];
  return exitCodeOf(process.execPath, [...nodeFlags, '--import', registerFile, main, ...flags], repository);
}

function benchSensor(flags: readonly string[]): Promise<number> {
  const build = ['run', '--quiet', '--release', '--locked', '-p', 'norn-probe', '--example', 'sensor-bench'];
  return exitCodeOf('cargo', [...build, '--', ...flags], join(repository, 'native-agent'));
}

/** Beside bare and beside ptrace, in one run. */
function benchHooks(flags: readonly string[]): Promise<number> {
  const tests = ['test', '--quiet', '--release', '--locked', '-p', 'norn-inject', '--test', 'cost'];
  const one = ['--nocapture', '--test-threads=1'];
  const environment = { NORN_HOOK_COST_JSON: flags.includes('--json') ? '1' : '' };
  return exitCodeOf('cargo', [...tests, '--', ...one], join(repository, 'native-agent'), environment);
}

function exitCodeOf(
  command: string,
  args: readonly string[],
  cwd: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: 'inherit', env: { ...process.env, ...environment } });
    child.once('error', reject);
    child.once('close', (code) => {
      resolve(code ?? 1);
    });
  });
}
