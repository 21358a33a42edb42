// `norn attack SCENARIO`: a harmless attack, and whether Norn saw it, stopped it and put everything back.
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, NornError } from '@norn/base';
import { loadConfig, settings } from '@norn/config';
import { Argument, Option, type Command } from 'commander';
import { z } from 'zod';
import { write, writeJson } from '../print/columns.ts';
import { installPackages } from '../up/packages.ts';
import { buildSimulator } from './binary.ts';
import { dockerAnswers, openDockerStage } from './docker-stage.ts';
import { openHostStage } from './host-stage.ts';
import { playAttack, type AttackReport, type Tell } from './play.ts';
import { openRuncStage, runcAnswers } from './runc-stage.ts';
import { scenarios, type ScenarioName } from './scenario.ts';
import type { Stage, StageOptions } from './stage.ts';

interface AttackOptions {
  container?: boolean;
  host?: boolean;
  mode: string;
  pause: string;
  files: string;
  keep?: boolean;
  json?: boolean;
}

const modes = ['in-place', 'write-new-unlink', 'write-new-rename-over', 'rename-then-write', 'truncate-then-write'];

export function registerAttackCommand(program: Command): void {
  program
    .command('attack')
    .description('Play a harmless attack and see it caught and undone')
    .addArgument(new Argument('<scenario>', 'what to play').choices(Object.keys(scenarios)))
    .option('--container', 'in a container made for it (the default)')
    .option('--host', 'on this host, in a directory made for it below /srv/norn-attack')
    .addOption(new Option('--mode <mode>', 'how ransomware writes').choices(modes).default('in-place'))
    .option('--pause <ms>', 'how long ransomware waits between files', '0')
    .option('--files <count>', 'files in the corpus', '300')
    .option('--keep', 'leave the container or directory there afterwards')
    .option('--json', 'the report as JSON')
    .action(attack);
}

async function attack(scenario: ScenarioName, options: AttackOptions): Promise<void> {
  if (options.container && options.host) throw new NornError('bad_option', 'Choose one of --container and --host');
  const pace = { mode: options.mode, pauseMs: Number(options.pause) };
  const tell: Tell = options.json ? () => undefined : timed();
  const stage = await openStage(options, tell);
  try {
    const report = await playAttack(scenario, pace, stage, tell);
    if (options.json) writeJson(report);
    else write(reportText(report));
    if (!report.passed) process.exitCode = 1;
  } finally {
    if (!options.keep) await stage.close();
  }
}

async function openStage(options: AttackOptions, tell: Tell): Promise<Stage> {
  const { home } = loadConfig(z.object({ home: settings.home }));
  const workDir = join(home, 'run', 'attack');
  await mkdir(workDir, { recursive: true });
  const stageOptions: StageOptions = {
    binary: await buildSimulator(tell),
    workDir,
    files: Number(options.files),
    id: randomBytes(4).toString('hex'),
  };
  if (options.host) return openHostStage(stageOptions);
  if (await dockerAnswers()) return openDockerStage(stageOptions);
  if (!(await runcAnswers())) await fetchRunc(tell);
  tell('Docker does not answer: using runc with a root of its own');
  return openRuncStage(stageOptions);
}

async function fetchRunc(tell: Tell): Promise<void> {
  tell('Installing runc: no container runtime answers');
  try {
    await installPackages(['runc'], () => undefined);
  } catch (error) {
    throw new NornError(
      'no_container_runtime',
      `Neither Docker nor runc answers: start Docker (systemctl start docker), or apt-get install runc, or use --host. ${messageOf(error)}`,
    );
  }
}

function timed(): Tell {
  const startedAt = Date.now();
  return (sentence) => {
    write(`${((Date.now() - startedAt) / 1000).toFixed(2).padStart(6)} s  ${sentence}`);
  };
}

function reportText(report: AttackReport): string {
  const { verdict } = report;
  const compared = `${String(verdict.files)} files compared with the manifest taken before: content, mode, owner, mtime, extended attributes`;
  return [
    '',
    report.passed ? '✔ Stopped and undone: every file is identical' : '✘ Not as it should be',
    `  ${compared}`,
    ...report.problems.map((problem) => `  ✘ ${problem}`),
    `  See it: ${report.url}`,
  ].join('\n');
}
