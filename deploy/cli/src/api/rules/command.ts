// `norn rules`: what one does with detection rules before they watch anybody.
import type { ShownRule } from '@norn/contracts';
import type { Command } from 'commander';
import { columns, lines, write, writeJson } from '../../print/columns.ts';
import { connectApi } from '../client/client.ts';
import { costText } from './rule-costs.ts';
import { importRules, importText } from './import-rules.ts';
import { coverageText, rulesCoverage } from './rules-coverage.ts';
import { testRules, type RulesReport } from './test-rules.ts';

const WRONG_SHOWN_MAX = 50;

interface TestOptions {
  readonly rules: string;
  readonly vectors?: string;
  readonly json?: boolean;
}

export function registerRulesCommand(program: Command): void {
  const rules = program.command('rules').description('Work with detection rules in the form of Sigma 2.1');
  rules
    .command('test')
    .description('Compile all rules of a folder, and try them on events that must and must not fire')
    .requiredOption('--rules <dir>', 'a folder of YAML files, with all below it, or one file')
    .option('--vectors <file>', 'JSON lines: {"id", "match": [event…], "nomatch": [event…]}, one for each rule')
    .option('--json', 'as JSON')
    .action(runTest);
  rules
    .command('coverage')
    .description('Say which rules the sensor can serve, and what it does not see of the others')
    .requiredOption('--rules <dir>', 'a folder of YAML files, with all below it, or one file')
    .option('--json', 'as JSON')
    .action(showCoverage);
  rules
    .command('import <path>')
    .description("Take in the rules of a folder or a .zip, for the token's tenant; new ones only observe")
    .option('--json', 'as JSON')
    .action(runImport);
  rules
    .command('list')
    .description("List Norn's own rules and the tenant's, with what the sensor sees of each")
    .option('--cost', 'what each cost and found in the last hour, dearest first')
    .option('--json', 'as JSON')
    .action(listRules);
  rules
    .command('state <id> <state>')
    .description('Let an imported rule observe, alert, or put it off')
    .action(setState);
  rules
    .command('remove <id>')
    .description('Remove an imported rule that no correlation and no filter needs')
    .action(removeRule);
}

interface Listed {
  readonly rules: readonly ShownRule[];
  readonly findingsUnavailable?: boolean;
  readonly summary: string;
}

async function listRules(options: { readonly json?: boolean; readonly cost?: boolean }): Promise<void> {
  const listed = await (await connectApi()).get<Listed>('/rules');
  if (options.json) writeJson(listed);
  else write(options.cost ? costText(listed) : listText(listed));
}

async function setState(id: string, state: string): Promise<void> {
  write(listText(await (await connectApi()).post<Listed>(`/rules/${encodeURIComponent(id)}/state`, { state })));
}

async function removeRule(id: string): Promise<void> {
  write(listText(await (await connectApi()).delete<Listed>(`/rules/${encodeURIComponent(id)}`)));
}

function listText({ rules, summary }: Listed): string {
  const rows = rules.map(({ id, title, level, origin, state, extent }) => [id, level, origin, state, extent, title]);
  return `${columns([['ID', 'LEVEL', 'FROM', 'STATE', 'SEEN', 'TITLE'], ...rows])}\n${summary}`;
}

async function runImport(path: string, options: { readonly json?: boolean }): Promise<void> {
  const report = await importRules(path, await connectApi());
  if (options.json) writeJson(report);
  else write(importText(report));
  if (report.refused > 0) process.exitCode = 1;
}

async function showCoverage(options: { readonly rules: string; readonly json?: boolean }): Promise<void> {
  const report = await rulesCoverage(options.rules);
  if (options.json) writeJson(report);
  else write(coverageText(report));
}

async function runTest(options: TestOptions): Promise<void> {
  const report = await testRules(options.rules, options.vectors);
  if (options.json) writeJson(report);
  else write(reportText(report));
  if (report.wrong.length > 0 || (options.vectors === undefined && report.refused.length > 0)) process.exitCode = 1;
}

function reportText({ rules, events, wrong, refused }: RulesReport): string {
  const listed = wrong.slice(0, WRONG_SHOWN_MAX).map(({ rule, file, expected, event, error }) => {
    const what = error ?? `${expected === 'match' ? 'is silent on' : 'fires on'} ${JSON.stringify(event)}`;
    return `✘ ${rule} (${file}): ${what}`;
  });
  const more = wrong.length - listed.length;
  return lines([
    ...refused.map((error) => `✘ ${error}`),
    ...listed,
    ...(more > 0 ? [`… and ${more} more: see --json`] : []),
    `rules ${rules.right}/${rules.total}, events ${events.right}/${events.total}`,
  ]);
}
