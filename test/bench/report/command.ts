// `norn bench report`: the figures of this machine, as a document for people.
import { write } from '@norn/cli';
import { Option, type Command } from 'commander';
import { readFlags, type RollbackFlags } from '../rollback/rollback.ts';
import { figuresFile, partNames, togetherNames, writeReport, type PartName } from './report.ts';

interface ReportFlags extends Omit<RollbackFlags, 'only'> {
  readonly part?: PartName[];
  readonly out: string;
}

export function registerReportCommand(bench: Command): void {
  bench
    .command('report')
    .description('Measure losses, false alarms, detection and speed on the running installation, into FIGURES.md')
    .addOption(
      new Option('--part <names...>', 'these alone; cost and hostile are measured after ./norn down').choices(
        partNames,
      ),
    )
    .option('--out <file>', 'the document to write into', figuresFile)
    // The command above has the options of an attack, and takes them.
    .action(async (_: unknown, command: Command) => {
      const flags = command.optsWithGlobals<ReportFlags>();
      await writeReport(flags.part ?? togetherNames, readFlags(flags), { tell: write, file: flags.out });
    });
}
