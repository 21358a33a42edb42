// `norn attack SCENARIO`: a harmless attack, and whether Norn saw it, stopped it and put everything back.
import { NornError } from '@norn/base';
import { connectApi, waitForAgent, write, writeJson } from '@norn/cli';
import { Argument, InvalidArgumentError, Option, type Command } from 'commander';
import { registerCatalogueCommand } from './catalogue/command.ts';
import { playMatrix } from './matrix.ts';
import { modes, type Mode } from './modes.ts';
import { placeOpener, places, type Place } from './place.ts';
import { playAttack, type AttackReport, type Tell } from './play.ts';
import { scenarios, type ScenarioName } from './scenario.ts';

interface AttackOptions {
  container?: boolean;
  host?: boolean;
  place?: Place;
  mode?: Mode;
  all?: boolean;
  pause?: number;
  files: number;
  keep?: boolean;
  json?: boolean;
}

const agentWithinMs = 30_000;
const placeNames = Object.keys(places) as Place[];
const placeHelp = Object.entries(places).map(([name, what]) => `${name} (${what})`);

export function registerAttackCommand(program: Command): void {
  const command = program
    .command('attack')
    .description('Play a harmless attack and see it caught and undone')
    .addArgument(new Argument('<scenario>', 'what to play').choices(Object.keys(scenarios)))
    .option('--container', 'in a container made for it, on files of its image (the default)')
    .option('--host', 'on this host, in a directory made for it below /srv/norn-attack')
    .addOption(new Option('--place <place>', `where: ${placeHelp.join(', ')}`).choices(placeNames))
    .addOption(new Option('--mode <mode>', 'how ransomware writes (in-place)').choices(modes))
    .option('--all', 'ransomware in every mode and place, and a table; --mode and --place narrow it')
    .option('--pause <ms>', 'how long ransomware waits between files (slow: 1000, else 0)', wholeNumber)
    .option('--files <count>', 'files in the corpus', wholeNumber, 300)
    .option('--keep', 'leave the container or directory there afterwards')
    .option('--json', 'the report as JSON')
    .action(attack);
  registerCatalogueCommand(command, agentOnWatch);
}

async function attack(scenario: ScenarioName, options: AttackOptions): Promise<void> {
  const place = placeOf(options);
  const tell: Tell = options.json ? () => undefined : timed();
  if (options.all) {
    if (scenario !== 'ransomware') throw new NornError('bad_option', '--all plays ransomware');
    if (options.keep) throw new NornError('bad_option', '--all keeps nothing: use --keep with one mode and place');
  }
  await agentOnWatch(tell);
  if (options.all) {
    await attackEverywhere(options, place, tell);
    return;
  }
  const openPlace = await placeOpener(options, tell);
  const stage = await openPlace(place ?? 'image', tell);
  try {
    const report = await playAttack(
      { scenario, pace: { mode: options.mode ?? 'in-place', ...pauseOf(options) }, stage },
      tell,
    );
    if (options.json) writeJson(report);
    else write(reportText(report));
    if (!report.passed) process.exitCode = 1;
  } finally {
    if (!options.keep) await stage.close();
  }
}

/** An attack on a host whose agent is just starting shows nothing. One that never comes is for the attack to find out. */
async function agentOnWatch(tell: Tell): Promise<void> {
  const api = await connectApi();
  if (await waitForAgent(api, { withinMs: 0 })) return;
  tell('Waiting for the agent, which is starting');
  await waitForAgent(api, { withinMs: agentWithinMs });
}

async function attackEverywhere(options: AttackOptions, place: Place | undefined, tell: Tell): Promise<void> {
  const openPlace = await placeOpener(options, tell);
  const report = await playMatrix({
    modes: options.mode ? [options.mode] : modes,
    places: place ? [place] : placeNames,
    ...pauseOf(options),
    json: options.json ?? false,
    openStage: (place) => openPlace(place, tell),
  });
  if (!report.passed) process.exitCode = 1;
}

/** Undefined when none was named. */
function placeOf({ container, host, place }: AttackOptions): Place | undefined {
  const named = [
    ...(container ? ['image' as const] : []),
    ...(host ? ['host' as const] : []),
    ...(place ? [place] : []),
  ];
  if (named.length > 1) throw new NornError('bad_option', 'Choose one of --container, --host and --place');
  return named[0];
}

function pauseOf({ pause }: AttackOptions): { pauseMs?: number } {
  return pause === undefined ? {} : { pauseMs: pause };
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It is a whole number.');
  return Number(text);
}

function timed(): Tell {
  const startedAt = Date.now();
  return (sentence) => {
    write(`${((Date.now() - startedAt) / 1000).toFixed(2).padStart(6)} s  ${sentence}`);
  };
}

function reportText(report: AttackReport): string {
  const { verdict } = report;
  const compared = `${String(verdict.files)} files compared with the manifest taken before: content, holes, mode, owner, mtime, extended attributes, links`;
  return [
    '',
    report.passed ? '✔ Stopped and undone: every file is identical' : '✘ Not as it should be',
    `  ${compared}`,
    ...report.problems.map((problem) => `  ✘ ${problem}`),
    `  See it: ${report.url}`,
  ].join('\n');
}
