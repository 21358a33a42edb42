// `norn attack catalogue`: many small actions of attackers, each with the alert that it must give within two seconds.
import { connectApi, write, writeJson } from '@norn/cli';
import { Option, type Command } from 'commander';
import { placeOpener } from '../place.ts';
import type { Tell } from '../play.ts';
import { wheres, type Where } from './action.ts';
import { playCatalogue, trialsOf, type TrialResult } from './play-catalogue.ts';
import { readCatalogue } from './read-catalogue.ts';
import { reportOf, tableText, type CatalogueReport } from './table.ts';

interface CatalogueOptions {
  only?: string;
  where: Where;
  json?: boolean;
}

/** `ready` is waited for before anything is played. */
export function registerCatalogueCommand(attack: Command, ready: (tell: Tell) => Promise<void>): void {
  attack
    .command('catalogue')
    .description('Play every action of test/e2e/actions, and see that each gives its alert within 2 s')
    .option('--only <pattern>', 'those whose name contains it, or whose technique begins with it')
    .addOption(new Option('--where <place>', 'where to play them').choices(wheres).default('both'))
    .option('--json', 'the results as JSON')
    // The command above has --json too, and takes it.
    .action(async (_: unknown, command: Command) => {
      const options = command.optsWithGlobals<CatalogueOptions>();
      const tell: Tell = options.json ? () => undefined : write;
      await ready(tell);
      await catalogue(options, tell);
    });
}

async function catalogue(options: CatalogueOptions, tell: Tell): Promise<void> {
  const report = await measureCatalogue(options, tell);
  if (options.json) writeJson(report);
  else write(tableText(report));
  if (report.failed > 0) process.exitCode = 1;
}

/** Plays what is chosen on the running installation. */
export async function measureCatalogue({ only, where }: CatalogueOptions, tell: Tell): Promise<CatalogueReport> {
  const trials = trialsOf(readCatalogue(only), where);
  const openPlace = await placeOpener({ files: 0, mayMount: true }, tell);
  let played = 0;
  const results = await playCatalogue({
    api: await connectApi(),
    trials,
    openStage: (place) => openPlace(place === 'host' ? 'host' : 'image', tell),
    onResult: (result) => {
      played += 1;
      tell(`[${String(played).padStart(3)}/${String(trials.length)}] ${sentenceOf(result)}`);
    },
  });
  return reportOf(results);
}

function sentenceOf({ action, place, ms, result, note }: TrialResult): string {
  const told = note ? `${result} (${note})` : result;
  return `${action} · ${place}: ${told}${ms > 0 ? `, ${String(ms)} ms` : ''}`;
}
