// `norn hunt`: a rule over the events that are stored.
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { NornError } from '@norn/base';
import type { ShownHunt, ShownHuntStep } from '@norn/contracts';
import type { Command } from 'commander';
import { type ApiClient, connectApi } from '../client/client.ts';
import { write, writeJson } from '../../print/columns.ts';
import { startProgressBar } from '../../print/progress-bar.ts';
import { huntReport } from './report.ts';

interface HuntOptions {
  readonly rule: string;
  readonly since: string;
  readonly until?: string;
  readonly limit: string;
  readonly json?: boolean;
}

const examples = `
Examples:
  ./norn hunt --rule reverse_shell_command_line --since 24h
  ./norn hunt --rule ./my-rule.yml --since 2026-11-01 --until 2026-11-08 --limit 500
  ./norn hunt --rule 3a0f2c54-6a0e-4b39-9d2b-0c5a7f0f5a05 --json | jq '.events[].commandLine'

The rule has the form of Sigma 2.1: libs/rules/pack holds those that Norn comes with. Nothing is changed by a hunt, and nobody is alerted.`;

export function registerHuntCommand(program: Command): void {
  program
    .command('hunt')
    .description('Run a rule over the events that are stored: how many when, and the newest of them')
    .requiredOption(
      '--rule <rule>',
      'a YAML file, a rule of the pack by its name, id or title, or one that you imported by its id or title',
    )
    .option('--since <time>', 'from when on: 7d, 24h, 30m, 90s (so long ago), or like 2026-11-27T03:00:00Z', '7d')
    .option('--until <time>', 'until when; now unless told')
    .option('--limit <count>', 'show at most this many of the newest events, 1000 at most', '20')
    .option('--json', 'as JSON')
    .addHelpText('after', examples)
    .action(hunt);
}

async function hunt(options: HuntOptions): Promise<void> {
  const { since, until, limit } = options;
  const request = { ...(await asked(options.rule)), since, until, limit: count(limit) };
  const found = await follow(await connectApi(), request);
  if (options.json) writeJson(found);
  else write(huntReport(found));
}

/** Draws how far the hunt is, until it is done. */
async function follow(api: ApiClient, request: object): Promise<ShownHunt> {
  const bar = startProgressBar(process.stderr, 'rows');
  try {
    for await (const { progress, found, problem } of api.steps<ShownHuntStep>('/hunts/steps', request)) {
      if (problem) throw new NornError(problem.code, problem.message);
      if (found) return found;
      if (progress) bar.draw(progress.share, progress.rowsRead);
    }
  } finally {
    bar.clear();
  }
  throw new NornError('unreachable', 'The API went away before the hunt was done: ask again, and see ./norn status');
}

/** The text of a file where there is one of that name; else the name is looked up in the pack. */
async function asked(rule: string): Promise<{ text: string; file: string } | { rule: string }> {
  const found = await stat(rule).catch(() => undefined);
  if (found?.isFile()) return { text: await readFile(rule, 'utf8'), file: basename(rule) };
  if (!/[/\\]|\.ya?ml$/.test(rule)) return { rule };
  throw new NornError(
    'rule_missing',
    found
      ? `${rule} is a folder: name one file of it`
      : `There is no file ${rule}: a rule of the pack is named without path and ending`,
  );
}

function count(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= 1_000) return limit;
  throw new NornError('usage', `--limit ${text}: give a whole number from 1 to 1000`);
}
